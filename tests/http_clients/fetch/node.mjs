// The script with Node's fetch: node.mjs URL SCRIPT.
import fs from 'node:fs';
import { Client } from './steps.mjs';

const [url, path] = process.argv.slice(2);
const script = JSON.parse(fs.readFileSync(path, 'utf8'));
await new Client(url, script.namespace).run(script, console.log);
