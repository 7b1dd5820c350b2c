// TypeORM: typeorm.js URL BRANCH VISITS. It reads the schema, makes what is missing, and speaks through node-postgres.
'use strict';
require('reflect-metadata');
const assert = require('assert');
const fs = require('fs');
const { DataSource, EntitySchema } = require('typeorm');
const { main, notified, visit } = require('./steps');

const Idea = new EntitySchema({
  name: 'Idea',
  columns: { id: { type: Number, primary: true, generated: true }, text: { type: String, unique: true }, votes: { type: Number } },
});

// TypeORM makes its own settings of a URL and drops the rest: the certificates are given beside it.
function tlsOf(url) {
  const authority = new URL(url).searchParams.get('sslrootcert');
  return authority ? { ca: fs.readFileSync(authority) } : false;
}

const steps = {
  async entities({ source }) {
    const ideas = source.getRepository(Idea);
    await ideas.clear();
    await ideas.save([{ text: 'branch it', votes: 1 }, { text: 'copy it', votes: 0 }]);
    await ideas.increment({ text: 'branch it' }, 'votes', 6);
    assert.deepStrictEqual(await ideas.find({ select: { text: true, votes: true }, order: { votes: 'DESC' } }),
      [{ text: 'branch it', votes: 7 }, { text: 'copy it', votes: 0 }]);
  },
  async transactions({ source }) {
    const add = (text) => source.transaction('SERIALIZABLE', async (manager) => {
      await manager.save(Idea, { text: 'in a transaction', votes: 0 });
      await manager.save(Idea, { text, votes: 0 });
    });
    await assert.rejects(add('branch it'), { code: '23505' });
    assert.strictEqual(await source.getRepository(Idea).count(), 2);
    await add('a new one');
    assert.strictEqual(await source.getRepository(Idea).count(), 4);
  },
  async notifications({ source }) {
    const runner = source.createQueryRunner();
    await notified(await runner.connect(), (statement) => source.query(statement));
    await runner.release();
  },
};

main(async (url, branch, visits) => {
  const source = new DataSource({ type: 'postgres', url, ssl: tlsOf(url), entities: [Idea], synchronize: true });
  await source.initialize();
  const runner = source.createQueryRunner();
  await visit(await runner.connect(), branch, visits);
  await runner.release();
  for (const [name, step] of Object.entries(steps)) {
    await step({ source });
    console.log('ok', name);
  }
  await source.destroy();
});
