// The main flow, by the Kotlin client of examples/clients. `make clients` compiles and runs it.

import java.net.URI
import java.util.Base64
import java.util.UUID
import org.json.JSONObject

fun main(arguments: Array<String>) {
    val (api, inbox) = arguments
    val service = EmailVerification(api)
    val email = "${UUID.randomUUID()}@example.com"
    val id = UUID.randomUUID().toString()

    expect("a code is mailed, and works for ten minutes", service.requestCode(email, id, "ko"), Requested(600, 60))
    expect("a repeat is answered again", service.requestCode(email, id, "ko").resendIn in 1..60, true)
    expect("the id serves another address", service.requestCode("other-$email", id, "ko"), Requested(600, 60))
    val early = problem { service.requestCode(email, UUID.randomUUID().toString(), "ko") }
    expect("a request without the id has to wait", early.kind, "too-many-requests")
    expect("and is told how long, and why", early.retryAfter in 1..60 && early.limit == "pause", true)

    val code = mailedCode(inbox, email)
    val wrong = problem { service.verifyCode(email, id, if (code == "000000") "000001" else "000000") }
    expect("a wrong code is refused", wrong.kind to wrong.guessesLeft, "invalid-code" to 4)
    val signIn = EmailVerification(api, "sign-in")
    expect("it is no code for another purpose", problem { signIn.verifyCode(email, id, code) }.kind, "code-expired")
    val verified = service.verifyCode(email, id, code)
    expect("the right one gets a proof for a sign-up", purpose(verified), "sign-up")
    expect("a repeat gets the same proof", service.verifyCode(email, id, code).token, verified.token)

    val change = EmailVerification(api, "change-email")
    val changed = "changed-$email"
    change.requestCode(changed, id, "ko")
    expect("a purpose is in its proof", purpose(change.verifyCode(changed, id, mailedCode(inbox, changed))), "change-email")

    val slash = EmailVerification("$api/")
    for (pasted in listOf("mailto:$email", "Kim <$email>", " $email. ", "Mailto:<$email>")) {
        expect("pasted: $pasted", problem { slash.verifyCode(pasted, id, "1") }.kind, "malformed-code")
    }
    expect("no address", problem { service.requestCode("kim@", id, "ko") }.kind, "invalid-email")
    expect("no UUID", problem { service.requestCode(email, "1", "ko") }.kind, "malformed-request")
    expect("a page in place of JSON", problem { EmailVerification("$inbox/nothing").verifyCode(email, id, code) }.kind, "unreachable")
    expect("nobody listens", problem { EmailVerification("http://127.0.0.1:1").verifyCode(email, id, code) }.kind, "unreachable")
}

fun expect(what: String, found: Any, expected: Any) {
    check(found == expected) { "$what: expected $expected, found $found" }
    println("ok  $what")
}

fun problem(action: () -> Any): Problem =
    try {
        error("no problem, but ${action()}")
    } catch (problem: Problem) {
        problem
    }

/** What a proof is for. */
fun purpose(verified: Verified): String =
    JSONObject(String(Base64.getUrlDecoder().decode(verified.token.split(".")[1]))).getString("purpose")

/** The code, from the subject of the email, once the inbox has it. */
fun mailedCode(inbox: String, email: String): String {
    repeat(100) {
        val messages = JSONObject(URI("$inbox/messages/").toURL().readText()).getJSONArray("messages")
        for (index in 0 until messages.length()) {
            val message = messages.getJSONObject(index)
            val recipient = message.getJSONObject("recipients").getJSONArray("to").getString(0)
            if (recipient == email) return Regex("[0-9]{6}").find(message.getString("subject"))!!.value
        }
        Thread.sleep(100)
    }
    error("no email arrived")
}
