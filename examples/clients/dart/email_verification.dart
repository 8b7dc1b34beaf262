// The client for Flutter, in Dart 3. It needs package:http.
//
// Nobody has compiled this file yet: `make clients` cannot. The job in .github/workflows/clients.yml compiles it, and runs
// it against the stub tests/client/stub.py; that job has not run yet.

import 'dart:convert';

import 'package:http/http.dart' as http;

typedef Requested = ({int expiresIn, int resendIn});
typedef Verified = ({String token, int expiresIn});

/// [kind] is a problem type of the service, `unreachable` (no usable response) or `bug` (the app sent something wrong).
class Problem implements Exception {
  const Problem(this.kind, {this.retryAfter = 0, this.guessesLeft = 0, this.limit = '', this.reason = ''});
  final String kind;
  final int retryAfter, guessesLeft;

  /// Which limit a `too-many-requests` is about, such as `pause`. Empty if API Gateway says it.
  final String limit;

  /// Why an email is `undeliverable`: `mailbox`, `temporary`, `content`, or what a later version of the service adds.
  final String reason;
}

class EmailVerification {
  /// A code works only for the purpose for which it was requested.
  EmailVerification(String api, {String purpose = 'sign-up'})
      : _api = api.endsWith('/') ? api.substring(0, api.length - 1) : api,
        _purpose = purpose;
  final String _api, _purpose;

  /// Mails a code. [challengeId] is the UUID of the whole sign-up: store it before the first call.
  Future<Requested> requestCode(String email, String challengeId, String locale) async =>
      switch (await _post('/request-code', {'email': _bare(email), 'challenge_id': challengeId, 'locale': locale})) {
        {'expires_in': final int expiresIn, 'resend_in': final int resendIn} =>
          (expiresIn: expiresIn, resendIn: resendIn),
        _ => throw const Problem('unreachable'),
      };

  /// Sends the code back. Safe to repeat: the same request gets the same proof for 60 seconds.
  Future<Verified> verifyCode(String email, String challengeId, String code) async =>
      switch (await _post('/verify-code', {'email': _bare(email), 'challenge_id': challengeId, 'code': code})) {
        {'token': final String token, 'expires_in': final int expiresIn} => (token: token, expiresIn: expiresIn),
        _ => throw const Problem('unreachable'),
      };

  Future<Object?> _post(String path, Map<String, String> members) async {
    const headers = {'Content-Type': 'application/json'};
    // A slow response takes up to 30 seconds: then API Gateway gives up.
    const timeout = Duration(seconds: 35);
    final int status;
    final Object? json;
    try {
      final body = jsonEncode({...members, 'purpose': _purpose});
      final response = await http.post(Uri.parse('$_api$path'), headers: headers, body: body).timeout(timeout);
      status = response.statusCode;
      json = jsonDecode(utf8.decode(response.bodyBytes)); // A hotspot's login page is no JSON.
    } on Exception {
      throw const Problem('unreachable');
    }
    if (status == 200 || status == 202) return json;
    const urn = 'urn:email-verification:';
    final problem = json is Map<String, dynamic> ? json : const <String, dynamic>{};
    if (problem['type'] case final String type when type.startsWith(urn)) {
      final seconds = problem['retry_after'], guesses = problem['guesses_left'];
      final limit = problem['limit'], reason = problem['reason'];
      throw Problem(
        type.substring(urn.length),
        retryAfter: seconds is int ? seconds : 0,
        guessesLeft: guesses is int ? guesses : 0,
        limit: limit is String ? limit : '',
        reason: reason is String ? reason : '',
      );
    }
    // API Gateway's own responses have no type.
    if (status == 429) throw const Problem('too-many-requests', retryAfter: 1);
    throw Problem(status >= 500 ? 'unreachable' : 'bug');
  }
}

/// The address without what is pasted around it: `mailto:`, a name in front, the dot of a phone's double space.
String _bare(String email) {
  final typed = email.trim().replaceFirst(RegExp('^mailto:', caseSensitive: false), '');
  final inBrackets = RegExp(r'<([^<>]*)>$').firstMatch(typed);
  final address = (inBrackets?.group(1) ?? typed).trim();
  return address.endsWith('.') ? address.substring(0, address.length - 1) : address;
}
