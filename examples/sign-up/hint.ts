/** Where most people in Korea have their mailbox. Put those of your users here. */
const DOMAINS = ["naver.com", "gmail.com", "daum.net", "hanmail.net", "kakao.com", "nate.com"];

/** The address that was probably meant, or null. It is only a question: the person may have meant what they typed. */
export function hint(address: string): string | null {
  const [name, domain, ...more] = address.trim().toLowerCase().split("@");
  if (!name || !domain || more.length > 0 || DOMAINS.includes(domain)) return null;
  const meant = DOMAINS.find((known) => isOneSlip(domain, known)) ?? DOMAINS.find((known) => hasName(domain, known));
  return meant ? `${name}@${meant}` : null;
}

/** Whether one character is wrong, missing or too many, or two have changed places. */
function isOneSlip(typed: string, meant: string): boolean {
  let same = 0;
  while (same < meant.length && typed[same] === meant[same]) same += 1;
  const isSwapped = typed[same] === meant[same + 1] && typed[same + 1] === meant[same];
  return (
    typed.slice(same + 1) === meant.slice(same + 1) ||
    typed.slice(same) === meant.slice(same + 1) ||
    typed.slice(same + 1) === meant.slice(same) ||
    (isSwapped && typed.slice(same + 2) === meant.slice(same + 2))
  );
}

/** Whether only the ending is another one: daum.com for daum.net. */
function hasName(typed: string, meant: string): boolean {
  return typed.split(".")[0] === meant.split(".")[0];
}
