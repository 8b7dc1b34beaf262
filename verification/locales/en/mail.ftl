# What the email says.
#
# $code     the digits
# $minutes  how many minutes they still work
# $sender   the app's name

# Has the code near its beginning, because a notification shows only the first words. Korean emails begin with [the sender].
subject = { $code } is your { $sender } code
# The subject without the code.
title = Your { $sender } code
# What the code is for: one of these. The inbox shows it behind the subject, after the code.
sign-up = Enter this code in the app to sign up with this email address.
change-email = Enter this code in the app to change the email address of your account to this one.
sign-in = Enter this code in the app to sign in with this email address.
other = Enter this code in the app to verify your email address.
# The inbox may show this as well, behind what the code is for.
validity = It works for { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}, and only once.
# Only where the email has a link as well. Comes before the button.
or-link = Or, on the device where you use the app, open this link:
# On the button.
link = Verify email address
secrecy = Never share this code or forward this email. Our staff will never ask for the code by phone or message.
unasked = If you did not request this code, you can ignore this email. Nothing happens without the code.
unasked-with-link = If you did not request this code, ignore this email and do not open the link. Nothing happens without the code or the link.
automatic = This email was sent automatically. Please do not reply.
# Comes before the support contact.
support = Questions?
