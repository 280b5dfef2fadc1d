// Opens rendered reports at two widths in both color schemes and checks what a person would see.
// Usage: node check.mjs [REPORT.html...]   Without a report it renders sample runs and takes those.
// Prints one line a failure, then `N passed, N failed, N skipped`.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const WIDTHS = [1280, 400];
const SCHEMES = ["light", "dark"];
// Luminance of the page's ground, from 0 to 255, that tells the schemes apart.
const MIDDLE = 128;
// Runs that between them show every part of a page: see tests/it/builder.rs.
const SAMPLES = ["refuted", "held", "inconclusive", "not-restored", "interrupted", "hostile"];
const OUTPUT_MAX = 64 << 20;

const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
if (!existsSync(executablePath)) {
  console.log(`skipped: no browser at ${executablePath}; install chromium or set CHROMIUM to one`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

// Runs an example of this crate and returns what it prints.
function example(name, ...args) {
  return execFileSync(
    "cargo",
    ["run", "-q", "-p", "squall-report", "--example", name, "--", ...args],
    {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      maxBuffer: OUTPUT_MAX,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
}

// Renders the SLA matrix of the examples.
function matrixSample(folder) {
  const page = join(folder, "matrix.html");
  writeFileSync(page, example("matrix"));
  return page;
}

// Renders the sample runs with two examples of this crate.
function samples(folder) {
  return SAMPLES.map((name) => {
    const [record, page] = [join(folder, `${name}.jsonl`), join(folder, `${name}.html`)];
    writeFileSync(record, example("sample", name));
    writeFileSync(page, example("render", record, "html"));
    return page;
  });
}

let passed = 0;
let failed = 0;
function expect(what, holds, detail = "") {
  if (holds) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`failed: ${what}${detail ? `: ${detail}` : ""}`);
  }
}

// Opens a page that has to be silent and whole.
async function open(browser, url, width, colorScheme) {
  const at = `${url} at ${width} px, ${colorScheme}`;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  const said = [];
  const asked = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) said.push(message.text());
  });
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("dialog", (dialog) => {
    said.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(url, { waitUntil: "load" });

  expect(`${at}: the console is silent`, said.length === 0, said.join(" | "));
  const others = asked.filter((one) => one !== url);
  expect(`${at}: nothing else is requested`, others.length === 0, others.join(" "));
  const wide = await page.evaluate(overflowing);
  expect(`${at}: nothing scrolls sideways`, wide.length === 0, wide.join(" "));
  const ground = await page.evaluate(luminance);
  const fits = colorScheme === "dark" ? ground < MIDDLE : ground > MIDDLE;
  expect(`${at}: the color scheme is followed`, fits, `luminance ${ground}`);
  return { at, context, page };
}

// The SLA matrix: rules and their cells are on one screen, and each cell opens its evidence.
async function lookAtMatrix(browser, url, width, colorScheme) {
  const { at, context, page } = await open(browser, url, width, colorScheme);
  const names = page.locator("tbody th[scope=row]");
  const cells = page.locator("td label");
  const [name, cell] = [await names.last().boundingBox(), await cells.last().boundingBox()];
  const room = name !== null && cell !== null && cell.x + cell.width <= width;
  expect(`${at}: a long rule leaves room for its cells`, room, JSON.stringify([name, cell]));
  if (width > 640) {
    await page.locator("td input").last().focus();
    await page.keyboard.press("Space");
    const open = page.locator(".detail:visible");
    const said = await open.innerText();
    expect(`${at}: one evidence is open`, (await open.count()) === 1);
    expect(`${at}: it is of the cell that was chosen`, said.includes("even where a customer"), said);
  } else {
    const first = await page.locator(".detail.look").first().isVisible();
    expect(`${at}: what needs a look is open`, first);
  }
  await themes(page, at);
  await page.locator("#l-en").focus();
  await page.keyboard.press("ArrowRight");
  const wide = await page.evaluate(overflowing);
  expect(`${at}: nothing scrolls sideways in Chinese`, wide.length === 0, wide.join(" "));
  await context.close();
}

async function look(browser, url, width, colorScheme) {
  const { at, context, page } = await open(browser, url, width, colorScheme);
  const heading = page.locator("h1");
  const text = (await heading.innerText()).trim();
  const words = /^(held|refuted|aborted|inconclusive|invalid|not restored|interrupted): ./i;
  expect(`${at}: the verdict is said`, words.test(text), text);
  const box = await heading.boundingBox();
  const seen = box !== null && box.y >= 0 && box.y + box.height <= 900 && box.x + box.width <= width;
  expect(`${at}: the verdict is on the first screen`, seen, JSON.stringify(box));

  const charts = page.locator("figure.chart svg.plot");
  for (let i = 0; i < (await charts.count()); i += 1) {
    const label = await charts.nth(i).getAttribute("aria-label");
    const size = await charts.nth(i).boundingBox();
    expect(`${at}: chart ${i} has a sentence`, Boolean(label) && label.endsWith("."), label ?? "");
    expect(`${at}: chart ${i} has room`, size !== null && size.width > 200 && size.height > 80);
  }
  await themes(page, at);
  await chinese(page, at);
  await context.close();
}

// The choice of a theme works without a script, and from the keyboard.
async function themes(page, at) {
  await page.locator("#th-a").focus();
  await page.keyboard.press("ArrowRight");
  expect(`${at}: light can be chosen`, (await page.evaluate(luminance)) > MIDDLE);
  await page.keyboard.press("ArrowRight");
  expect(`${at}: dark can be chosen`, (await page.evaluate(luminance)) < MIDDLE);
}

// In Chinese the page says the same, and still fits.
async function chinese(page, at) {
  await page.locator("#l-en").focus();
  await page.keyboard.press("ArrowRight");
  const text = await page.locator("h1").innerText();
  expect(`${at}: the verdict is said in Chinese`, /\p{Script=Han}/u.test(text), text);
  const wide = await page.evaluate(overflowing);
  expect(`${at}: nothing scrolls sideways in Chinese`, wide.length === 0, wide.join(" "));
}

// Elements that stick out of the page, but for those inside something that scrolls by itself.
function overflowing() {
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width) found.push("the page");
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".samples, .vh, defs") || !element.checkVisibility()) continue;
    // A clipped table head is there for screen readers only.
    const head = element.closest("thead");
    if (head && getComputedStyle(head).clipPath !== "none") continue;
    const box = element.getBoundingClientRect();
    if (box.width > 0 && (box.right > width + 1 || box.left < -1)) {
      found.push(`<${element.tagName} class="${element.getAttribute("class") ?? ""}">`);
    }
  }
  return found.slice(0, 5);
}

function luminance() {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const folder = mkdtempSync(join(tmpdir(), "squall-report-"));
let browser;
try {
  const named = process.argv.slice(2);
  const reports = named.length > 0 ? named : samples(folder);
  browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
  for (const report of reports) {
    const url = pathToFileURL(resolve(report)).href;
    for (const width of WIDTHS) {
      for (const scheme of SCHEMES) await look(browser, url, width, scheme);
    }
  }
  if (named.length === 0) {
    const url = pathToFileURL(matrixSample(folder)).href;
    for (const width of WIDTHS) {
      for (const scheme of SCHEMES) await lookAtMatrix(browser, url, width, scheme);
    }
  }
} finally {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
