// Uses the client against tests/client/stub.py, which hands over its URL.

import 'email_verification.dart';

const id = '9af49e17-05f3-4adc-84f2-640bfb8434e6';

Future<void> main(List<String> arguments) async {
  final api = arguments.single;
  final service = EmailVerification(api);

  final requested = await service.requestCode('kim@example.com', id, 'ko');
  expect('a code is mailed', (requested.expiresIn, requested.resendIn), (600, 60));
  final verified = await service.verifyCode('kim@example.com', id, '123456');
  expect('the right code gets a proof', (verified.token, verified.expiresIn), ('a proof for sign-up', 600));
  final changed = await EmailVerification(api, purpose: 'change-email').verifyCode('kim@example.com', id, '123456');
  expect('the purpose is sent', changed.token, 'a proof for change-email');

  expect('a wrong code', await problem(service.verifyCode('kim@example.com', id, '000000')), ('invalid-code', 0, 4));
  for (final (email, found) in [
    ('bounce@example.com', ('undeliverable', 0, 0)),
    ('wait@example.com', ('too-many-requests', 42, 0)),
    ('rate@example.com', ('too-many-requests', 1, 0)),
    ('down@example.com', ('unreachable', 0, 0)),
    ('page@example.com', ('unreachable', 0, 0)),
    ('json@example.com', ('unreachable', 0, 0)),
    ('lost@example.com', ('bug', 0, 0)),
  ]) {
    expect(email, await problem(service.requestCode(email, id, 'ko')), found);
  }
  expect('why an email did not arrive', await reason(service.requestCode('bounce@example.com', id, 'ko')), 'mailbox');
  final nobody = EmailVerification('http://127.0.0.1:1').requestCode('kim@example.com', id, 'ko');
  expect('nobody listens', await problem(nobody), ('unreachable', 0, 0));
}

void expect(String what, Object found, Object expected) {
  if (found != expected) throw StateError('$what: expected $expected, found $found');
  print('ok  $what');
}

Future<String> reason(Future<Object> request) async {
  try {
    await request;
  } on Problem catch (problem) {
    return problem.reason;
  }
  return 'none';
}

Future<(String, int, int)> problem(Future<Object> request) async {
  try {
    await request;
  } on Problem catch (problem) {
    return (problem.kind, problem.retryAfter, problem.guessesLeft);
  }
  return ('none', 0, 0);
}
