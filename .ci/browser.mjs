// What .ci/browser checks of a report, in a real browser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const [file, place] = process.argv.slice(2);
const url = "file://" + file;
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

const open = async ({ width, height, scheme, fragment = "" }) => {
  const page = await browser.newPage();
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const complaints = [];
  const asked = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(url + fragment);
  return { page, complaints, asked };
};

const { page, complaints, asked } = await open({ width: 1200, height: 900, scheme: "light" });
const text = (selector) => page.$eval(selector, (element) => element.textContent);

// Runs an action in the page and gives the milliseconds until its result has been painted.
const timed = (name, action, ...values) =>
  page
    .evaluate(
      async (action, values) => {
        const before = performance.now();
        await new Function("...values", "return (" + action + ")(...values)")(...values);
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - before;
      },
      action.toString(),
      values,
    )
    .then((taken) => {
      console.log(name.padEnd(28), taken.toFixed(0).padStart(5), "ms");
      assert.ok(taken < 1000, name + " took " + taken + " ms");
    });

// The best of a few: the first page that a browser opens waits for the browser too.
let opened = Infinity;
for (let time = 0; time < 5; time++) {
  await page.reload();
  opened = Math.min(opened, await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd));
}
console.log("opened".padEnd(28), opened.toFixed(0).padStart(5), "ms");
assert.ok(opened < 1000, "opening took " + opened + " ms");
assert.equal(await text("#count"), "100,000 rows");
assert.equal(await text(".pager .place"), "Page 1 of 1,000");
await page.setBypassCSP(true);
await page.reload();

const heads = await page.$$eval("#head button", (buttons) => buttons.map((button) => button.textContent));
for (const [number, name] of heads.entries()) {
  const click = (number) => document.querySelectorAll("#head button")[number].click();
  await timed("sort by " + name, click, number);
  await timed("and the other way", click, number);
}
const times = await page.$$eval("#body .c-time", (cells) => cells.length);
assert.equal(times, 100, "a page holds a hundred rows");
assert.equal(await page.$eval("#head th:last-child", (head) => head.ariaSort), "descending");
await timed("and as it was", () => document.querySelector("#head th:last-child button").click());
assert.equal(await page.$eval("#head th:last-child", (head) => head.ariaSort), null);

const search = async (words) => {
  const input = document.getElementById("search");
  input.value = words;
  input.dispatchEvent(new Event("input"));
  // The table waits until the typing pauses.
  const before = document.getElementById("count").textContent;
  while (document.getElementById("count").textContent === before) {
    await new Promise((done) => setTimeout(done, 5));
  }
};
await timed("search, the first time", search, "articles/4242");
await timed("search again", search, "ARTICLE something");
await timed("search for what is not there", search, "no such words");
assert.equal(await text("#count"), "0 of 100,000 rows");
await timed("and for everything", search, "");
await timed("only one result", () => {
  const choice = document.getElementById("choice");
  choice.value = "404";
  choice.dispatchEvent(new Event("change"));
});
assert.ok((await page.$$eval("#body .badge", (cells) => cells.map((cell) => cell.textContent))).every((end) => end === "404"));
assert.match(page.url(), /#result=404$/);
const chip = (text) => [...document.querySelectorAll("#chips button")].find((chip) => chip.textContent.startsWith(text)).click();
await timed("all that was not accepted", chip, "Not accepted");
assert.ok((await page.$$eval("#body .badge", (cells) => cells.map((cell) => cell.className))).every((name) => !name.includes("good")));
await timed("and all again", chip, "All");
await timed("open a row", () => document.querySelector("#body .line").click());
assert.match(await page.$eval("#body .opened dl", (opened) => opened.textContent), /^Address.*AnswerHTTP\/1.1 from 192/);
await timed("to the last page", () => document.querySelector(".pager .last").click());
assert.equal(await text(".pager .place"), "Page 1,000 of 1,000");
await timed("to the one before", () => document.querySelector("#sheet + .pager .previous").click());
assert.match(page.url(), /#page=999$/);
// Who pages at the foot of the table reads on at its head.
const top = await page.$eval("#above", (above) => above.getBoundingClientRect().top);
assert.ok(top > -5 && top < 900, "the head of the table is at " + top);
assert.equal(await page.evaluate(() => document.activeElement.closest("#above") !== null), true);
await page.close();

// What the table shows is in the page's address, and links of its upper part lead there.
{
  const { page } = await open({ width: 1200, height: 900, scheme: "light", fragment: "#search=articles%2F42&result=404&sort=-Time" });
  const shown = () => page.$eval("#count", (count) => count.textContent);
  assert.match(await shown(), /^[\d,]+ of 100,000 rows$/);
  const times = await page.$$eval("#body .c-time", (cells) =>
    cells.map((cell) => parseFloat(cell.textContent) / (cell.textContent.endsWith(" ms") ? 1000 : 1)),
  );
  assert.ok(times.length > 1 && times[0] >= times.at(-1), String(times));
  const before = await shown();
  await page.click(".ends a");
  await page.waitForFunction((before) => document.getElementById("count").textContent !== before, {}, before);
  assert.ok(Math.abs(await page.$eval("#records", (table) => table.getBoundingClientRect().top)) < 5, "the table is in view");
  await page.click(".facts td a");
  await page.waitForFunction(() => document.getElementById("search").value.startsWith("//host-"));
  await page.goBack();
  await page.waitForFunction(() => document.getElementById("search").value === "");
  // The number of a record is no text of it, and nothing found is said so.
  await page.type("#search", "99999 nowhere");
  await page.waitForSelector("#body .empty");
  await page.click("#body .empty button");
  await page.waitForFunction(() => document.getElementById("count").textContent === "100,000 rows");
  console.log("the page's address".padEnd(28), "says what the table shows");
  await page.close();
}

// Nor does it break the layout: titles and addresses of 10,000 characters without a space, from right to left, piled up, with
// controls; on the desk and on a phone.
for (const [width, height] of [
  [1200, 900],
  [360, 780],
]) {
  const { page } = await open({ width, height, scheme: "light" });
  for (const [words, count] of [
    ["endless", 100],
    ["backwards", 100],
    ["piled", 100],
    ["unbroken", 100],
  ]) {
    await page.$eval("#search", (input, words) => {
      input.value = words;
      input.dispatchEvent(new Event("input"));
    }, words);
    await page.waitForFunction((count) => document.getElementById("count").textContent.startsWith(count + " of"), {}, count);
    const { widest, tallest, outside } = await page.evaluate(() => ({
      widest: document.documentElement.scrollWidth,
      tallest: Math.max(...[...document.querySelectorAll("#body tr")].map((line) => line.offsetHeight)),
      outside: [...document.querySelectorAll("#body td")].filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length,
    }));
    assert.ok(widest <= width, words + " makes the page " + widest + " wide");
    assert.ok(tallest <= 220, words + " makes a row " + tallest + " tall");
    assert.equal(outside, 0, words + " leaves its cell");
    // An address that was cut would lead elsewhere.
    const cut = await page.$$eval("#body .c-link a", (links) => links.filter((link) => link.href.includes("%E2%80%A6")).length);
    assert.equal(cut, 0, words + " leads elsewhere");
    await page.$eval("#count", (count) => count.scrollIntoView());
    await page.screenshot({ path: place + "/" + words + "-" + width + ".png" });
  }
  console.log(("hostile text, " + width + " wide").padEnd(28), "stays in its place");
  await page.close();
}

// Nothing that came from the network runs, with the policy as it stands.
{
  const { page, complaints, asked } = await open({ width: 1200, height: 900, scheme: "light" });
  await page.type("#search", "onerror");
  await page.waitForFunction(() => document.getElementById("count").textContent.startsWith("100 of"));
  assert.match(await page.$eval("#body .c-text", (cell) => cell.textContent), /^<\/script><script>hacked=1/);
  assert.equal(await page.evaluate(() => typeof hacked), "undefined");
  assert.equal(await page.$$eval("img", (images) => images.length), 0);
  // The keyboard is enough: from the search to a column's head, which sorts.
  await page.focus("#choice");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.$eval("#head th:first-child", (head) => head.ariaSort), "ascending");
  // And to a row, which it opens.
  await page.focus("#body .opener");
  await page.keyboard.press("Enter");
  assert.match(await page.$eval("#body .opened dl", (opened) => opened.textContent), /<\/script><script>hacked=1/);
  assert.equal(await page.evaluate(() => typeof hacked), "undefined");
  assert.deepEqual(complaints, []);
  assert.deepEqual(asked, [url]);
  await page.close();
}
assert.deepEqual(complaints, []);
assert.deepEqual([...new Set(asked)], [url]);

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
for (const [name, width, height, scheme] of [
  ["light", 1200, 1000, "light"],
  ["dark", 1200, 1000, "dark"],
  ["phone", 360, 780, "light"],
  ["phone-dark", 360, 780, "dark"],
]) {
  const { page } = await open({ width, height, scheme });
  await page.screenshot({ path: place + "/" + name + ".png" });
  const widest = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(widest <= width, name + " is " + widest + " wide");
  await page.setBypassCSP(true);
  await page.reload();
  await page.addScriptTag({ path: axe });
  await page.$eval("#body .opener", (opener) => opener.click());
  const { violations } = await page.evaluate(() => axe.run());
  const told = violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map((node) => node.html).join(" | "));
  assert.deepEqual(told, [], name);
  console.log(name.padEnd(28), "fits, and axe finds nothing");
  await page.close();
}
await browser.close();
