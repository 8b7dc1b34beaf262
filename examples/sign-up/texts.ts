// What the screen says, in each language.

export type Language = "en" | "ko";

const en = {
  title: "Sign up",
  heading: {
    email: "What is your email address?",
    code: "Enter the code",
    proof: "Almost done",
    done: "You are signed up",
    exists: "You already have an account",
    dead: "You need a new code",
    mistyped: "Is the address right?",
  },
  email: "Email address",
  code: "Code from the email",
  send: "Send me a code",
  verify: "Verify",
  resend: "Send a new email",
  retry: "Try again",
  correct: "Correct the address",
  anotherAddress: "Use another address",
  startAgain: "Start again",
  didYouMean: (address: string) => `Did you mean ${address}?`,
  sentTo: (address: string) => `We sent a code to ${address}. If it is not there, look in the spam folder.`,
  expiresIn: (time: string) => `The code works for ${time}.`,
  shouldBeOver: "The code has probably expired. Send a new email.",
  next: (address: string) => `The new email goes to ${address}.`,
  pause: (time: string) => `You can send a new email ${time}.`,
  waiting: {
    "request-code": "Sending the email …",
    "verify-code": "Checking the code …",
    "sign-up": "Creating your account …",
  },
  done: (address: string) => `${address} is verified.`,
  exists: (address: string) => `There is an account with ${address}. Log in instead.`,
  proof: "What the backend read in the proof",
  inbox: "Test inbox",
  notice: {
    "invalid-email": "This is not an email address that we can send to. Please check it.",
    "incomplete-code": "This is not a whole code. Please check it.",
    expired: "This code no longer works.",
    unreachable: "No connection. Check your network and try again.",
    bug: "Something is wrong with this app. Please update it.",
    refused: "The verification is no longer valid.",
    // For somebody whose mail app has a browser of its own, and for somebody who signs up here with another address.
    "not-this-app":
      "This link is not for the sign-up on this screen. If you signed up in another app or browser, enter the code from the same email there.",
    "wrong-code": (left: number) =>
      left === 0
        ? "This code is wrong, and you have no tries left."
        : `This code is wrong. You have ${left} ${left === 1 ? "try" : "tries"} left.`,
    undeliverable: {
      code: "This code is wrong.",
      mailbox: (address: string) => `There seems to be no mailbox at ${address}.`,
      // The service cannot tell this from an automatic answer to an email that arrived.
      temporary: (address: string) =>
        `The email to ${address} may be late, or may not come: the mailbox may be full or out of reach. If the code arrives, enter it.`,
      content: (address: string) => `The email to ${address} was refused. Please use another address.`,
    },
    // `time` is null where another line counts down.
    wait: (time: string | null) => `Too many requests.${time ? ` Try again ${time}.` : ""}`,
    "mail-unavailable": (time: string | null) => `We cannot send email right now.${time ? ` Try again ${time}.` : ""}`,
  },
};

const ko: typeof en = {
  title: "회원가입",
  heading: {
    email: "이메일 주소를 입력해 주세요",
    code: "인증번호를 입력해 주세요",
    proof: "마지막 단계입니다",
    done: "가입이 완료되었습니다",
    exists: "이미 가입된 이메일 주소입니다",
    dead: "인증번호를 다시 받아 주세요",
    mistyped: "주소가 맞는지 확인해 주세요",
  },
  email: "이메일 주소",
  code: "메일로 받은 인증번호",
  send: "인증번호 받기",
  verify: "확인",
  resend: "인증번호 다시 받기",
  retry: "다시 시도",
  correct: "이메일 주소 고치기",
  anotherAddress: "다른 이메일 주소 사용하기",
  startAgain: "처음부터 다시 하기",
  didYouMean: (address) => `혹시 ${address}인가요?`,
  sentTo: (address) => `${address} 주소로 인증번호를 보냈습니다. 메일이 보이지 않으면 스팸 메일함도 확인해 주세요.`,
  expiresIn: (time) => `인증번호는 ${time} 뒤에 만료됩니다.`,
  shouldBeOver: "인증번호의 유효 시간이 지났습니다. 인증번호를 다시 받아 주세요.",
  next: (address) => `새 메일은 ${address} 주소로 보내 드립니다.`,
  pause: (time) => `${time} 인증번호를 다시 받을 수 있습니다.`,
  waiting: {
    "request-code": "메일을 보내는 중입니다…",
    "verify-code": "인증번호를 확인하는 중입니다…",
    "sign-up": "계정을 만드는 중입니다…",
  },
  done: (address) => `${address} 주소의 인증이 완료되었습니다.`,
  exists: (address) => `${address} 주소로 가입한 계정이 있습니다. 로그인해 주세요.`,
  proof: "백엔드가 증명 토큰에서 확인한 내용",
  inbox: "테스트 메일함",
  notice: {
    "invalid-email": "메일을 보낼 수 없는 주소입니다. 다시 확인해 주세요.",
    "incomplete-code": "인증번호의 자릿수가 맞지 않습니다. 다시 확인해 주세요.",
    expired: "더 이상 사용할 수 없는 인증번호입니다.",
    unreachable: "서버에 연결할 수 없습니다. 네트워크 연결을 확인하고 다시 시도해 주세요.",
    bug: "앱에 문제가 발생했습니다. 최신 버전으로 업데이트해 주세요.",
    refused: "인증이 더 이상 유효하지 않습니다.",
    "not-this-app":
      "이 화면의 회원가입에는 사용할 수 없는 링크입니다. 다른 앱이나 브라우저에서 가입을 시작하셨다면 그 화면에 같은 메일의 인증번호를 입력해 주세요.",
    "wrong-code": (left) =>
      left === 0
        ? "인증번호가 일치하지 않습니다. 입력 횟수를 모두 사용했습니다."
        : `인증번호가 일치하지 않습니다. ${left}번 더 입력할 수 있습니다.`,
    undeliverable: {
      code: "인증번호가 일치하지 않습니다.",
      mailbox: (address) => `${address} 주소의 메일함이 없는 것 같습니다.`,
      temporary: (address) =>
        `${address} 주소로 보낸 메일이 늦거나 도착하지 않을 수 있습니다. 메일함이 가득 찼거나 일시적인 장애일 수 있습니다. 인증번호가 도착하면 입력해 주세요.`,
      content: (address) => `${address} 주소로 보낸 메일이 수신 거부되었습니다. 다른 이메일 주소를 사용해 주세요.`,
    },
    wait: (time) => `요청이 너무 많습니다.${time ? ` ${time} 다시 시도해 주세요.` : ""}`,
    "mail-unavailable": (time) => `지금은 메일을 보낼 수 없습니다.${time ? ` ${time} 다시 시도해 주세요.` : ""}`,
  },
};

export const TEXTS: Record<Language, typeof en> = { en, ko };

/** A wait: to the second below an hour, else in hours and minutes. */
export function span(milliseconds: number, language: Language): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const [hour, minute, second] = language === "ko" ? ["시간", "분", "초"] : [" h", " min", " s"];
  const parts = hours > 0 ? [[hours, hour], [minutes, minute]] : [[minutes, minute], [seconds % 60, second]];
  const shown = parts.filter(([count]) => count !== 0).map((part) => part.join(""));
  return shown.length > 0 ? shown.join(" ") : `0${second}`;
}

/** When to try again: soon in seconds, else by the clock, and with the day if it is not today. */
export function when(seconds: number, until: number, language: Language): string {
  if (seconds <= 90) return language === "ko" ? `${seconds}초 뒤에` : `in ${seconds} s`;
  const time = new Date(Math.ceil(until / 60_000) * 60_000);
  const isToday = time.toDateString() === new Date().toDateString();
  // One by one: together Korean gets brackets around the day.
  const day = isToday ? "" : `${time.toLocaleDateString(language, { weekday: "long" })} `;
  const text = day + time.toLocaleTimeString(language, { hour: "numeric", minute: "2-digit" });
  return language === "ko" ? `${text} 이후에` : `after ${text}`;
}
