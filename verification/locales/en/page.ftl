# What the page behind the email's link says.
#
# $address  the address, masked
# $sender   the app's name

ask-title = Verify your email address
ask = { $sender } wants to know that { $address } is yours. Press the button to verify it.
# What happens then: the first where the service opens the app, the second where it does not.
then-app-opens = After that, the app opens again.
then-return = After that, return to the app.
button = Verify email address
unasked = If you did not ask for this, close this page. Nothing happens until you press the button.
done-title = Email address verified
done = { $address } is verified. You can close this page and return to the app.
wrong-title = This link does not work
wrong = Part of it is missing, or it is not from { $sender }. Open the link in the email again, or enter the code from the email in the app.
expired-title = This link has expired
expired = Go back to the app and ask for a new code.
used-title = This link no longer works
used = It has been used already, or its code was entered wrongly too often. If you have just verified your address, go back to the app. If not, ask for a new code there.
failed-title = Something went wrong
failed = This is our fault, and your link still works. Open it again in a minute.
# Comes before the support contact.
support = Questions?
