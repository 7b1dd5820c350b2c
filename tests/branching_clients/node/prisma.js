// Prisma's client, without the engine that is a program: prisma.js URL BRANCH VISITS. It speaks through node-postgres.
'use strict';
const assert = require('assert');
const { PrismaPg } = require('@prisma/adapter-pg');
const { PrismaClient } = require('@prisma/client');
const { main } = require('./steps');

const steps = {
  async prepared_statements(prisma) {
    for (let i = 0; i < 10; ++i) {
      assert.deepStrictEqual(await prisma.$queryRaw`SELECT 2 * ${i}::int AS twice`, [{ twice: 2 * i }]);
    }
  },
  async transactions(prisma) {
    const count = await prisma.visits.count();
    const guest = { data: { client: 'guest' } };
    await assert.rejects(prisma.$transaction(async (own) => {
      await own.visits.create(guest);
      assert.strictEqual(await own.visits.count(), count + 1);
      throw new Error('no');
    }), { message: 'no' });
    assert.strictEqual(await prisma.visits.count(), count);
    await prisma.$transaction([prisma.visits.create(guest), prisma.visits.deleteMany({ where: guest.data })]);
    assert.strictEqual(await prisma.visits.count(), count);
  },
  async many_at_once(prisma) {
    const found = await Promise.all(Array.from({ length: 20 }, () => prisma.visits.findFirst({ orderBy: { id: 'asc' } })));
    assert.deepStrictEqual(new Set(found.map(({ id }) => id)), new Set([1]));
  },
};

main(async (connectionString, branch, visits) => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
  assert.deepStrictEqual(await prisma.$queryRaw`SELECT current_setting('prism.branch') AS branch`, [{ branch }]);
  await prisma.$executeRaw`CREATE TABLE IF NOT EXISTS visits(id serial PRIMARY KEY, client text NOT NULL)`;
  await prisma.visits.create({ data: { client: branch } });
  assert.strictEqual(await prisma.visits.count({ where: { client: branch } }), visits);
  for (const [name, step] of Object.entries(steps)) {
    await step(prisma);
    console.log('ok', name);
  }
  await prisma.$disconnect();
});
