// The script with @grpc/grpc-js: client.js API_DIRECTORY ADDRESS SCRIPT.
'use strict';
const assert = require('assert');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const [api, address, scriptPath] = process.argv.slice(2);
const script = JSON.parse(fs.readFileSync(scriptPath, 'utf8'));
const definition = loader.loadSync(['prism/keyvalue/v1/keyvalue.proto', 'grpc/health/v1/health.proto'],
  { includeDirs: [api], keepCase: true, longs: Number, defaults: true, oneofs: true });
const root = grpc.loadPackageDefinition(definition);
const details = new protobuf.Root();
details.resolvePath = (origin, target) => fs.existsSync(`${api}/${target}`) ? `${api}/${target}` : protobuf.util.path.resolve(origin, target);
details.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto']);

const plain = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
const zipped = { ...plain, 'grpc.default_compression_algorithm': 2 };
const services = root.prism.keyvalue.v1;
const insecure = grpc.credentials.createInsecure();
const basic = new services.KeyValueBasic(address, insecure, plain);
const basicZipped = new services.KeyValueBasic(address, insecure, zipped);
const scans = new services.KeyValueScan(address, insecure, plain);
const batch = new services.KeyValueBatch(address, insecure, plain);
const health = new root.grpc.health.v1.Health(address, insecure, plain);
const namespace = script.namespace;

const soon = (milliseconds = 20000) => ({ deadline: Date.now() + milliseconds });
const call = (client, method, request) => new Promise((resolve, reject) =>
  client[method](request, new grpc.Metadata(), soon(), (error, reply) => error ? reject(error) : resolve(reply)));

async function writeAndRead(client, key, bytes) {
  const value = Buffer.from('0123456789abcdef'.repeat(bytes / 16));
  await call(client, 'Set', { namespace, key, value });
  const reply = await call(client, 'Get', { namespace, key });
  assert(value.equals(reply.value), 'another value came back');
}

// Resolves with the error that ends the stream, or null.
const drain = (stream, onMessage) => new Promise((resolve) => {
  stream.on('data', onMessage);
  stream.on('end', () => resolve(null));
  stream.on('error', resolve);
});

const steps = {
  async set({ key, value }) {
    await call(basic, 'Set', { namespace, key, value: Buffer.from(value) });
  },
  async get({ key, expect }) {
    const reply = await call(basic, 'Get', { namespace, key });
    assert.strictEqual(reply.found, expect !== null);
    assert.strictEqual(reply.value.toString(), expect ?? '');
  },
  large: ({ key, bytes }) => writeAndRead(basic, key, bytes),
  gzip: ({ key, bytes }) => writeAndRead(basicZipped, key, bytes),
  async fill({ prefix, count, bytes }) {
    for (let first = 0; first < count; first += 500) {
      const items = [];
      for (let i = first; i < Math.min(first + 500, count); ++i) {
        items.push({ key: prefix + String(i).padStart(6, '0'), value: Buffer.alloc(bytes, 'x') });
      }
      const reply = await call(batch, 'BatchSet', { namespace, items });
      assert(reply.items.every((item) => (item.status?.code ?? 0) === 0));
    }
  },
  async scan({ prefix, expect }) {
    let seen = 0;
    const error = await drain(scans.Scan({ namespace, prefix }, new grpc.Metadata(), soon()), (m) => { seen += m.item === 'entry' ? 1 : 0; });
    assert.strictEqual(error, null);
    assert.strictEqual(seen, expect);
  },
  async scan_cancel({ prefix, after }) {
    let seen = 0;
    const stream = scans.Scan({ namespace, prefix }, new grpc.Metadata(), soon());
    const error = await drain(stream, () => { if (++seen === after) stream.cancel(); });
    assert.strictEqual(error.code, grpc.status.CANCELLED);
  },
  async deadline({ milliseconds }) {
    const start = Date.now();
    const error = await drain(health.Watch({}, new grpc.Metadata(), soon(milliseconds)), () => {});
    assert.strictEqual(error.code, grpc.status.DEADLINE_EXCEEDED);
    const took = Date.now() - start;
    assert(took >= milliseconds * 0.9 && took < milliseconds + 2000, `took ${took} ms`);
  },
  async error({ namespace: ns, key, code, reason, domain }) {
    const error = await call(basic, 'Get', { namespace: ns, key }).then(() => null, (e) => e);
    assert(error, 'the call succeeded');
    assert.strictEqual(error.code, code);
    const status = details.lookupType('google.rpc.Status').decode(error.metadata.get('grpc-status-details-bin')[0]);
    const any = status.details.find((d) => d.type_url.endsWith('/google.rpc.ErrorInfo'));
    const info = details.lookupType('google.rpc.ErrorInfo').decode(any.value);
    assert.deepStrictEqual([info.reason, info.domain], [reason, domain]);
  },
};

(async () => {
  for (const step of script.steps) {
    await steps[step.do](step);
    console.log('ok', JSON.stringify(step));
  }
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
