direction = ltr
line-breaks = normal
