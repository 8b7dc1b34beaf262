// The client for iOS 15 or later, in Swift 5.9 or later. It needs nothing but Foundation.
//
// `make clients` does not compile this file. But for `bare`, `limit` and `reason`, which were only read, it was compiled with Swift
// 6.0.3 on Linux, by hand, and run against the stub tests/client/stub.py. The job in .github/workflows/clients.yml compiles it for
// iOS; that job has not run yet.
//
// A cancelled task ends as `unreachable` too. So call the client in the model, not in the view's `.task`, which cancels
// the request when the view goes.

import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking  // Only Linux has it.
#endif

struct Requested: Decodable { let expiresIn: Int, resendIn: Int }
struct Verified: Decodable { let token: String, expiresIn: Int }

/// `kind` is a problem type of the service, `unreachable` (no usable response) or `bug` (the app sent something wrong).
struct Problem: Error {
    let kind: String
    var retryAfter = 0
    var guessesLeft = 0
    /// Which limit a `too-many-requests` is about, such as `pause`. Empty if API Gateway says it.
    var limit = ""
    /// Why an email is `undeliverable`: `mailbox`, `temporary`, `content`, or what a later version of the service adds.
    var reason = ""
}

private struct Failure: Decodable {
    let type: String?, retryAfter: Int?, guessesLeft: Int?, limit: String?, reason: String?
}

struct EmailVerification {
    let api: String
    /// A code works only for the purpose for which it was requested.
    var purpose = "sign-up"

    /// Mails a code. `challengeId` is the UUID of the whole sign-up: store it before the first call.
    func requestCode(email: String, challengeId: String, locale: String) async throws -> Requested {
        try await post("/request-code", ["email": bare(email), "challenge_id": challengeId, "locale": locale])
    }

    /// Sends the code back. Safe to repeat: the same request gets the same proof for 60 seconds.
    func verifyCode(email: String, challengeId: String, code: String) async throws -> Verified {
        try await post("/verify-code", ["email": bare(email), "challenge_id": challengeId, "code": code])
    }

    private func post<Success: Decodable>(_ path: String, _ members: [String: String]) async throws -> Success {
        let base = api.hasSuffix("/") ? String(api.dropLast()) : api
        guard let url = URL(string: base + path) else { throw Problem(kind: "bug") }
        // A slow response takes up to 30 seconds: then API Gateway gives up.
        var request = URLRequest(url: url, timeoutInterval: 35)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let body = members.merging(["purpose": purpose]) { given, _ in given }
        let status: Int
        let failure: Failure
        do {
            request.httpBody = try JSONEncoder().encode(body)
            let (data, response) = try await URLSession.shared.data(for: request)
            status = (response as? HTTPURLResponse)?.statusCode ?? 0
            if status == 200 || status == 202 { return try decoder.decode(Success.self, from: data) }
            failure = try decoder.decode(Failure.self, from: data)
        } catch {
            throw Problem(kind: "unreachable")  // A hotspot's login page is no JSON.
        }
        let urn = "urn:email-verification:"
        if let type = failure.type, type.hasPrefix(urn) {
            let kind = String(type.dropFirst(urn.count))
            let (seconds, guesses) = (failure.retryAfter ?? 0, failure.guessesLeft ?? 0)
            let (limit, reason) = (failure.limit ?? "", failure.reason ?? "")
            throw Problem(kind: kind, retryAfter: seconds, guessesLeft: guesses, limit: limit, reason: reason)
        }
        // API Gateway's own responses have no type.
        if status == 429 { throw Problem(kind: "too-many-requests", retryAfter: 1) }
        throw Problem(kind: status >= 500 ? "unreachable" : "bug")
    }
}

/// The address without what is pasted around it: `mailto:`, a name in front, the dot of a phone's double space.
private func bare(_ email: String) -> String {
    var typed = email.trimmingCharacters(in: .whitespacesAndNewlines)
    if typed.lowercased().hasPrefix("mailto:") { typed.removeFirst("mailto:".count) }
    if typed.hasSuffix(">"), let open = typed.lastIndex(of: "<") {
        typed = String(typed[typed.index(after: open)...].dropLast())
    }
    typed = typed.trimmingCharacters(in: .whitespacesAndNewlines)
    return typed.hasSuffix(".") ? String(typed.dropLast()) : typed
}
