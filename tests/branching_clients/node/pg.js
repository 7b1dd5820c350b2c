// node-postgres, with pg-copy-streams: pg.js URL BRANCH VISITS.
'use strict';
const assert = require('assert');
const { Readable } = require('stream');
const { pipeline } = require('stream/promises');
const { Client, Pool, Query } = require('pg');
const { from, to } = require('pg-copy-streams');
const { main, notified, visit } = require('./steps');

const steps = {
  async prepared_statements({ client }) {
    for (let i = 0; i < 10; ++i) {
      const { rows } = await client.query({ name: 'twice', text: 'SELECT 2 * $1::int AS twice', values: [i] });
      assert.deepStrictEqual(rows, [{ twice: 2 * i }]);
    }
  },
  async transactions({ client }) {
    await client.query('CREATE TEMP TABLE t(i int)');
    for (const end of ['ROLLBACK', 'COMMIT']) {
      await client.query('BEGIN');
      await client.query('INSERT INTO t VALUES (1)');
      await client.query(end);
    }
    assert.deepStrictEqual((await client.query('SELECT i FROM t')).rows, [{ i: 1 }]);
  },
  async copy({ client }) {
    await client.query('CREATE TEMP TABLE numbers(i int, x text)');
    const rows = Array.from({ length: 20000 }, (_, i) => `${i}\t${'x'.repeat(50)}\n`);
    await pipeline(Readable.from(rows), client.query(from('COPY numbers FROM STDIN')));
    let bytes = 0;
    for await (const part of client.query(to('COPY (SELECT x FROM numbers) TO STDOUT'))) bytes += part.length;
    assert.strictEqual(bytes, 20000 * 51);
  },
  async pool({ pool }) {
    const sums = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.query('SELECT $1::int + 1 AS next', [i])));
    assert.deepStrictEqual(sums.map(({ rows }) => rows[0].next), Array.from({ length: 20 }, (_, i) => i + 1));
  },
  notifications: ({ client, pool }) => notified(client, (statement) => pool.query(statement)),
  // pg asks in clear, whatever the connection speaks.
  async cancel({ client, pool, url }) {
    const sleep = new Query('SELECT pg_sleep(600)');
    const ended = new Promise((resolve, reject) => { sleep.once('error', resolve); sleep.once('end', reject); });
    client.query(sleep);
    const asleep = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while ((await pool.query(asleep)).rows[0].count === 0);
    new Client({ host: url.hostname, port: Number(url.port), ssl: false }).cancel(client, sleep);
    assert.strictEqual((await ended).code, '57014');
  },
};

main(async (connectionString, branch, visits) => {
  const client = new Client({ connectionString });
  await client.connect();
  await visit(client, branch, visits);
  const pool = new Pool({ connectionString, max: 4 });
  for (const [name, step] of Object.entries(steps)) {
    await step({ client, pool, url: new URL(connectionString) });
    console.log('ok', name);
  }
  await Promise.all([client.end(), pool.end()]);
});
