# What the page behind the email's link says.
#
# $address  the address, masked
# $sender   the app's name

ask-title = Verify your email address
# What the link is for: one of these.
sign-up = Sign up for { $sender } with { $address }?
change-email = Change the email address of your { $sender } account to { $address }?
sign-in = Sign in to { $sender } with { $address }?
other = Verify { $address } for { $sender }?
only-if-asked = Press the button only if you asked for this.
# What happens then: the first where the page leads back to the app, the second where it does not.
then-app-opens = The app then opens on this device. If you began on another device or in another browser, do not press the button: enter the code there instead.
then-return = Then return to the app.
button = Verify email address
unasked = If you did not ask for this, close this page. Nothing happens unless you press the button.
done-title = Email address verified
done = { $address } is verified. Return to the app or browser where you began. If it still asks for the code, enter the code from the same email.
wrong-title = This link does not work
wrong = Part of the link is missing, or it is not valid. Open the link in the email again, or enter the code from the email in the app.
expired-title = This link has expired
expired = Go back to the app and ask for a new code.
replaced-title = A newer email replaced this link
replaced = Open the link in the newest email, or enter its code in the app.
used-title = This link no longer works
used = It has already been used, or a wrong code was entered too many times. If you have just verified your address, go back to the app. If not, ask for a new code there.
failed-title = Something went wrong
failed = This is a problem on our side. Wait a few seconds, then open the link in the email again.
# Comes before the support contact.
support = Questions?
