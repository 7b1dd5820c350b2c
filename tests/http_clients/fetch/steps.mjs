// The script with the fetch of the platform, in Node and in browsers: Connect with JSON, written by hand.

const SERVICES = '/prism.keyvalue.v1.';

function check(condition, what) {
  if (!condition) throw new Error(what);
}

const toBase64 = (bytes) => {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
};
const fromBase64 = (text) => Uint8Array.from(atob(text ?? ''), (c) => c.charCodeAt(0));
const encode = (text) => toBase64(new TextEncoder().encode(text));
const decode = (text) => new TextDecoder().decode(fromBase64(text));

export class Client {
  // `type`: what response.type must be in a browser ("cors": the page is of another origin).
  constructor(base, namespace, type = null) {
    this.base = base;
    this.ns = namespace;
    this.type = type;
  }

  async post(method, body, contentType) {
    const response = await fetch(this.base + SERVICES + method,
      { method: 'POST', headers: { 'content-type': contentType, 'connect-protocol-version': '1' }, body });
    check(this.type === null || response.type === this.type, `the response is of type ${response.type}`);
    return response;
  }

  async call(method, request) {
    const response = await this.post(method, JSON.stringify({ namespace: this.ns, ...request }), 'application/json');
    const answer = await response.json();
    check(response.status === 200, JSON.stringify(answer));
    return answer;
  }

  // The messages of a stream, each as soon as it is there; throws the error that ends it.
  async * stream(method, request) {
    const message = new TextEncoder().encode(JSON.stringify({ namespace: this.ns, ...request }));
    const frame = new Uint8Array(5 + message.length);
    new DataView(frame.buffer).setUint32(1, message.length);
    frame.set(message, 5);
    const response = await this.post(method, frame, 'application/connect+json');
    check(response.status === 200, `status ${response.status}`);
    let pending = new Uint8Array();
    for (const reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read();
      check(!done, 'the stream ended without an end');
      const bytes = new Uint8Array(pending.length + value.length);
      bytes.set(pending);
      bytes.set(value, pending.length);
      let at = 0;
      for (; bytes.length - at >= 5; ) {
        const size = new DataView(bytes.buffer, at + 1, 4).getUint32(0);
        if (bytes.length - at < 5 + size) break;
        const answer = JSON.parse(new TextDecoder().decode(bytes.subarray(at + 5, at + 5 + size)));
        if (bytes[at] & 2) {
          if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
          return;
        }
        yield answer;
        at += 5 + size;
      }
      pending = bytes.subarray(at);
    }
  }

  async set({ key, value }) {
    check((await this.call('KeyValueBasic/Set', { key, value: encode(value) })).version !== undefined, 'no version');
  }

  async get({ key, expect }) {
    const reply = await this.call('KeyValueBasic/Get', { key });
    check((reply.found ?? false) === (expect !== null) && decode(reply.value) === (expect ?? ''), JSON.stringify(reply));
  }

  async large({ key, bytes }) {
    const value = encode('0123456789abcdef'.repeat(bytes / 16));
    await this.call('KeyValueBasic/Set', { key, value });
    check((await this.call('KeyValueBasic/Get', { key })).value === value, 'another value came back');
  }

  async fill({ prefix, count, bytes }) {
    const value = encode('x'.repeat(bytes));
    for (let first = 0; first < count; first += 500) {
      const items = [];
      for (let i = first; i < Math.min(first + 500, count); ++i) items.push({ key: prefix + String(i).padStart(6, '0'), value });
      const reply = await this.call('KeyValueBatch/BatchSet', { items });
      check(reply.items.every((item) => (item.status?.code ?? 0) === 0), 'an item failed');
    }
  }

  async list({ prefix, expect }) {
    const keys = [];
    for await (const { entry } of this.stream('KeyValueScan/Scan', { prefix })) if (entry) keys.push(entry.key);
    check(keys.length === expect, `${keys.length} entries`);
    check(keys.every((key, i) => i === 0 || keys[i - 1] < key), 'not in order');
  }

  async list_error({ namespace, code, reason }) {
    let error = null;
    try {
      for await (const message of this.stream('KeyValueScan/Scan', { namespace })) check(false, message);
    } catch (thrown) {
      error = thrown;
    }
    check(error?.code === code && error.details[0].debug.reason === reason, String(error));
  }

  async error({ namespace, key, status, code, reason }) {
    const response = await this.post('KeyValueBasic/Get', JSON.stringify({ namespace, key }), 'application/json');
    const error = await response.json();
    check(response.status === status && error.code === code && error.details[0].debug.reason === reason,
      `${response.status} ${JSON.stringify(error)}`);
  }

  async delete({ key, expect }) {
    check(((await this.call('KeyValueBasic/Delete', { key })).existed ?? false) === expect, `existed is not ${expect}`);
  }

  async resource(key, method, headers, body) {
    const response = await fetch(`${this.base}/v1/${this.ns}/keyvalue/${encodeURIComponent(key)}`, { method, headers, body });
    check(this.type === null || response.type === this.type, `the response is of type ${response.type}`);
    return response;
  }

  async create({ key, value, status, reason }) {
    const response = await this.resource(key, 'PUT', { 'if-none-match': '*', 'prism-ttl': '1h' }, value);
    check(response.status === status && response.headers.get('etag'), `status ${response.status}`);
    if (reason) check((await response.json()).details[0].debug.reason === reason, `not ${reason}`);
  }

  async read({ key, expect, reason }) {
    const response = await this.resource(key, 'GET');
    if (expect === null) {
      check(response.status === 404 && (await response.json()).details[0].debug.reason === reason, `status ${response.status}`);
      return;
    }
    check(response.status === 200 && await response.text() === expect, `status ${response.status}`);
    check(response.headers.get('prism-expire-time').endsWith('Z'), 'it expires');
    const again = await this.resource(key, 'GET', { 'if-none-match': response.headers.get('etag') });
    check(again.status === 304, `status ${again.status}`);
    const head = await this.resource(key, 'HEAD');
    check(head.status === 200 && head.headers.get('etag') === response.headers.get('etag'), `status ${head.status}`);
  }

  async remove({ key, existed }) {
    const response = await this.resource(key, 'DELETE');
    check(response.status === 204 && response.headers.get('prism-existed') === existed, `status ${response.status}`);
  }

  async run(script, print) {
    for (const step of [...script.steps, ...script.resources]) {
      await this[step.do](step);
      print('ok ' + JSON.stringify(step));
    }
  }
}
