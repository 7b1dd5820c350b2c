// The script with Node's fetch: node.mjs ADDRESS SCRIPT.
import fs from 'node:fs';
import { Client } from './steps.mjs';

const [address, path] = process.argv.slice(2);
const script = JSON.parse(fs.readFileSync(path, 'utf8'));
await new Client(`http://${address}`, script.namespace, 'basic').run(script, console.log);
