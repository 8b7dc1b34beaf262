direction = ltr
line-breaks = keep-all
