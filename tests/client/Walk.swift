// Uses the Swift client against tests/client/stub.py, which hands over its URL. .github/workflows/clients.yml compiles and runs it.

let id = "9af49e17-05f3-4adc-84f2-640bfb8434e6"

@main
struct Walk {
    static func main() async throws {
        let api = CommandLine.arguments[1]
        let service = EmailVerification(api: api)

        let requested = try await service.requestCode(email: "kim@example.com", challengeId: id, locale: "ko")
        expect("a code is mailed", "\(requested.expiresIn) \(requested.resendIn)", "600 60")
        let verified = try await service.verifyCode(email: "kim@example.com", challengeId: id, code: "123456")
        expect("the right code gets a proof", "\(verified.token), \(verified.expiresIn)", "a proof for sign-up, 600")
        let other = EmailVerification(api: api, purpose: "change-email")
        let changed = try await other.verifyCode(email: "kim@example.com", challengeId: id, code: "123456")
        expect("the purpose is sent", changed.token, "a proof for change-email")

        let wrong = await problem { try await service.verifyCode(email: "kim@example.com", challengeId: id, code: "000000") }
        expect("a wrong code", wrong, "invalid-code 0 4")
        let problems = [
            ("bounce@example.com", "undeliverable mailbox 0 0"),
            ("wait@example.com", "too-many-requests 42 0"),
            ("rate@example.com", "too-many-requests 1 0"),
            ("down@example.com", "unreachable 0 0"),
            ("page@example.com", "unreachable 0 0"),
            ("json@example.com", "unreachable 0 0"),
            ("lost@example.com", "bug 0 0"),
        ]
        for (email, expected) in problems {
            let found = await problem { try await service.requestCode(email: email, challengeId: id, locale: "ko") }
            expect(email, found, expected)
        }
        let nobody = EmailVerification(api: "http://127.0.0.1:1")
        let alone = await problem { try await nobody.requestCode(email: "kim@example.com", challengeId: id, locale: "ko") }
        expect("nobody listens", alone, "unreachable 0 0")
    }
}

func expect(_ what: String, _ found: String, _ expected: String) {
    guard found == expected else { fatalError("\(what): expected \(expected), found \(found)") }
    print("ok  \(what)")
}

func problem<Result>(_ request: () async throws -> Result) async -> String {
    do {
        _ = try await request()
        return "none"
    } catch let problem as Problem {
        let kind = problem.reason.isEmpty ? problem.kind : "\(problem.kind) \(problem.reason)"
        return "\(kind) \(problem.retryAfter) \(problem.guessesLeft)"
    } catch {
        return "\(error)"
    }
}
