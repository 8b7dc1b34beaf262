# How this language is written.

# ltr (left to right) or rtl.
direction = ltr
# Where a line may break: keep-all (between words) where spaces part the words, normal elsewhere, as in Chinese and Japanese.
line-breaks = keep-all
