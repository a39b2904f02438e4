import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './source-files';

type FakeFault = 'crash' | 'fail' | 'truncate' | 'no-file' | 'quit' | 'small' | 'hang' | 'missing' | 'memory';

/** See `test/fixtures/programs/fake-blender.js`. */
export interface FakeBehaviour {
  readonly width: number;
  readonly height: number;
  readonly version?: string;
  readonly refuse?: string;
  readonly delayMs?: number;
  readonly faults?: Readonly<Record<number, FakeFault>>;
  readonly onceIn?: string;
}

/** Writes a program that plays Blender with these faults; gives the environment in which Spotreel takes it for Blender. */
export function installFakeBlender(path: string, behaviour: FakeBehaviour): NodeJS.ProcessEnv {
  const fake = join(ROOT, 'test/fixtures/programs/fake-blender.js');
  const lines = ['#!/usr/bin/env node', `require(${JSON.stringify(fake)})(${JSON.stringify(behaviour)});`];
  writeFileSync(path, `${lines.join('\n')}\n`);
  chmodSync(path, 0o755);
  return { SPOTREEL_BLENDER: path };
}
