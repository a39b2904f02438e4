import { join } from 'node:path';
import { load } from './code-cache';

// The worker on this machine, whose slices and stitch job start often. The image starts `worker.js` itself.
load(join(__dirname, 'worker.js'), `worker-${process.argv[2] === 'stitch' ? 'stitch' : 'render'}`);
