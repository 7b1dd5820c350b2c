// What the clients of Node have in common: SCRIPT URL BRANCH VISITS.
'use strict';
const assert = require('assert');

// Of a pg.Client: which branch this is, and what was written into it before.
async function visit(client, branch, visits) {
  const shown = await client.query('SHOW prism.branch');
  assert.deepStrictEqual(shown.rows, [{ 'prism.branch': branch }]);
  await client.query('CREATE TABLE IF NOT EXISTS visits(id serial PRIMARY KEY, client text NOT NULL)');
  await client.query('INSERT INTO visits(client) VALUES ($1)', [branch]);
  const seen = await client.query('SELECT count(*)::int AS count, min(client) AS client FROM visits');
  assert.deepStrictEqual(seen.rows, [{ count: visits, client: branch }]);
}

// Of a pg.Client that gets a notification which `notify` causes.
async function notified(client, notify) {
  await client.query('LISTEN news');
  const told = new Promise((resolve) => client.once('notification', resolve));
  await notify("NOTIFY news, 'rain'");
  assert.strictEqual((await told).payload, 'rain');
}

function main(run) {
  const [url, branch, visits] = process.argv.slice(2);
  run(url, branch, Number(visits)).catch((error) => { console.error(error); process.exit(1); });
}

module.exports = { main, notified, visit };
