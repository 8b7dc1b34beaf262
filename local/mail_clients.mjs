// Prints what some version of some mail client does not support, of the HTML files that it is given: a JSON list of
// {file, feature, client}. caniemail knows the features by the tests of caniemail.com.
import { readFileSync } from "node:fs";
import { caniemail, rawData } from "caniemail";

const CLIENTS = ["gmail.*", "apple-mail.*", "outlook.*", "samsung-email.*"];

// Of each client caniemail takes the last version, but compares "16.80" with "2020-02" as text. So give it only one, the worst:
// whether a feature is not supported there (n), unknown, almost supported, or supported (y).
const WORST_FIRST = "nuay";
const rank = (support) => WORST_FIRST.indexOf(support[0]);
for (const { stats } of rawData.data) {
  for (const platforms of Object.values(stats)) {
    for (const [platform, versions] of Object.entries(platforms)) {
      const [worst] = Object.values(versions).sort((one, other) => rank(one) - rank(other));
      platforms[platform] = { any: worst };
    }
  }
}

const unsupported = [];
for (const file of process.argv.slice(2)) {
  const { errors } = caniemail({ clients: CLIENTS, html: readFileSync(file, "utf8") }).issues;
  for (const [client, issues] of errors) {
    for (const { title } of issues) unsupported.push({ file, feature: title, client });
  }
}
console.log(JSON.stringify(unsupported));
