// Does what config.json says, tells its own origin how that went, and goes on to the next page.
import { Client } from './steps.mjs';

const config = await (await fetch('/config.json')).json();
const { prism, script } = config;
const client = new Client(prism, script.namespace, 'cors');

let lines = [];
console.log = (...values) => lines.push(values.join(' '));

const tasks = {
  script: () => client.run(script, console.log),
  // What is sent beside the few headers that every page may send, and read beside the few that it may read.
  async headers() {
    const response = await fetch(`${prism}/prism.keyvalue.v1.KeyValueBasic/Set`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'from-a-page', 'prism-min-durability': 'memory' },
      body: JSON.stringify({ namespace: script.namespace, key: 'page', value: '' }),
    });
    console.log(response.status, response.headers.get('x-request-id'), response.headers.get('prism-durability'));
  },
  // A stream that is cancelled in the middle; the connection stays usable.
  async cancel() {
    let seen = 0;
    for await (const { entry } of client.stream('KeyValueScan/Scan', { prefix: 'http/list/' })) {
      if (entry && ++seen === 10) break;
    }
    await client.get({ key: 'http/missing', expect: null });
    console.log(seen);
  },
  // What a page sees whose origin is not allowed: nothing, not even the status.
  denied: () => client.get({ key: 'http/missing', expect: null }),
};
for (const module of config.modules) tasks[module] = () => import(module);

for (const name of config.tasks) {
  lines = [];
  try {
    await tasks[name]();
  } catch (error) {
    lines.push(`${error}`);
  }
  await fetch('/report', { method: 'POST', body: JSON.stringify({ task: name, lines }) });
}
if (config.next) location.href = config.next;
