// The client for Android. Everything that it needs is in the Android SDK. Elsewhere add the library org.json:json.

import java.io.IOException
import java.net.HttpURLConnection
import java.net.URI
import org.json.JSONException
import org.json.JSONObject

private const val CONNECT_TIMEOUT_MS = 10_000
/** A slow response takes up to 30 seconds: then API Gateway gives up. */
private const val READ_TIMEOUT_MS = 35_000
private const val URN = "urn:email-verification:"

data class Requested(val expiresIn: Int, val resendIn: Int)
data class Verified(val token: String, val expiresIn: Int)

/** `kind` is a problem type of the service, `unreachable` (no usable response) or `bug` (the app sent something wrong). */
class Problem(
    val kind: String,
    val retryAfter: Int = 0,
    val guessesLeft: Int = 0,
    /** Which limit a `too-many-requests` is about, such as `pause`. Empty if API Gateway says it. */
    val limit: String = "",
    /** Why an email is `undeliverable`: `mailbox`, `temporary`, `content`, or what a later version of the service adds. */
    val reason: String = "",
) : Exception(kind)

/**
 * The functions block: call them in `withContext(Dispatchers.IO) { … }`.
 * A code works only for the purpose for which it was requested.
 */
class EmailVerification(api: String, private val purpose: String = "sign-up") {
    private val api = api.trimEnd('/')

    /** Mails a code. `challengeId` is the UUID of the whole sign-up: store it before the first call. */
    fun requestCode(email: String, challengeId: String, locale: String): Requested =
        post("/request-code", mapOf("email" to bare(email), "challenge_id" to challengeId, "locale" to locale)) {
            Requested(it.getInt("expires_in"), it.getInt("resend_in"))
        }

    /** Sends the code back. Safe to repeat: the same request gets the same proof for 60 seconds. */
    fun verifyCode(email: String, challengeId: String, code: String): Verified =
        post("/verify-code", mapOf("email" to bare(email), "challenge_id" to challengeId, "code" to code)) {
            Verified(it.getString("token"), it.getInt("expires_in"))
        }

    private fun <T> post(path: String, members: Map<String, String>, read: (JSONObject) -> T): T {
        val body = JSONObject(members).put("purpose", purpose).toString().toByteArray()
        val connection = URI(api + path).toURL().openConnection() as HttpURLConnection
        try {
            connection.requestMethod = "POST"
            connection.connectTimeout = CONNECT_TIMEOUT_MS
            connection.readTimeout = READ_TIMEOUT_MS
            connection.instanceFollowRedirects = false
            connection.doOutput = true
            connection.setRequestProperty("Content-Type", "application/json")
            connection.outputStream.use { it.write(body) }
            val status = connection.responseCode
            val stream = if (status >= 400) connection.errorStream else connection.inputStream
            val json = JSONObject(stream?.reader()?.readText().orEmpty()) // A hotspot's login page is no JSON.
            if (status == 200 || status == 202) return read(json)
            throw problem(status, json)
        } catch (error: IOException) {
            throw Problem("unreachable")
        } catch (error: JSONException) {
            throw Problem("unreachable")
        } finally {
            connection.disconnect()
        }
    }

    private fun problem(status: Int, json: JSONObject): Problem {
        val type = json.optString("type")
        return when {
            type.startsWith(URN) -> {
                val (seconds, guesses) = json.optInt("retry_after") to json.optInt("guesses_left")
                Problem(type.removePrefix(URN), seconds, guesses, json.optString("limit"), json.optString("reason"))
            }
            status == 429 -> Problem("too-many-requests", 1) // API Gateway's own responses have no type.
            else -> Problem(if (status >= 500) "unreachable" else "bug")
        }
    }
}

/** The address without what is pasted around it: `mailto:`, a name in front, the dot of a phone's double space. */
private fun bare(email: String): String {
    val typed = email.trim().replace(Regex("^mailto:", RegexOption.IGNORE_CASE), "")
    val inBrackets = Regex("<([^<>]*)>\$").find(typed)?.groupValues?.get(1)
    return (inBrackets ?: typed).trim().removeSuffix(".")
}
