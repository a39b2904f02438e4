import { join } from 'node:path';
import { load } from './code-cache';

// `require('./index.js')` then finds it loaded. Only a render compiles what a render needs.
const isRender = process.argv[2] === 'render' && !process.argv.includes('--help');
load(join(__dirname, 'index.js'), isRender ? 'render' : 'others');
