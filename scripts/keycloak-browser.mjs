// Signs in at Keycloak's own login page in a headless Chromium: the program for --browser-command of scripts/keycloak-test.
//
//   node scripts/keycloak-browser.mjs ADDRESS
//
// It drives Chromium through its pipe of the DevTools protocol, so that it needs no package. PROFILE is the folder of the
// browser's profile, CHROMIUM the browser.
import { spawn } from 'node:child_process';

const address = process.argv[2];
const chromium = spawn(
  process.env.CHROMIUM ?? 'chromium',
  ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
    '--disable-background-networking', '--ignore-certificate-errors', '--remote-debugging-pipe',
    `--user-data-dir=${process.env.PROFILE}`, 'about:blank'],
  { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
);
const end = (code) => { chromium.kill(); process.exit(code); };
setTimeout(() => end(1), 60_000);
chromium.on('exit', () => process.exit(1));

let last = 0;
const waiting = new Map();
let rest = '';
chromium.stdio[4].on('data', (bytes) => {
  const messages = (rest + bytes).split('\0');
  rest = messages.pop();
  for (const text of messages) {
    const { id, result, error } = JSON.parse(text);
    waiting.get(id)?.(error ? { error } : result);
    waiting.delete(id);
  }
});
const call = (method, params = {}, sessionId = undefined) => new Promise((resolve) => {
  last += 1;
  waiting.set(last, resolve);
  chromium.stdio[3].write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
});

const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
const evaluate = async (expression) =>
  (await call('Runtime.evaluate', { expression, returnByValue: true }, sessionId)).result?.value;
const until = async (expression) => {
  while (!(await evaluate(expression))) await new Promise((resolve) => setTimeout(resolve, 50));
};
await call('Page.navigate', { url: address }, sessionId);
// Keycloak's login form, its page for a device code, and the consent that follows it.
await until("document.querySelector('#username, #kc-login, [name=accept]') !== null || document.title.includes('kubelogin')");
await evaluate(`(() => {
  const form = document.querySelector('#username');
  if (!form) return;
  form.value = 'ada';
  document.querySelector('#password').value = 'hunter2';
  document.querySelector('#kc-login').click();
})()`);
await until(`(() => {
  document.querySelector('[name=accept]')?.click();
  return document.title.includes('kubelogin') || document.body?.innerText.includes('Device Login Successful');
})()`);
end(0);
