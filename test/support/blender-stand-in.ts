import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findExecutable } from '../../core/processes/run-program';
import { ROOT } from './source-files';

const CACHE = join(ROOT, 'node_modules/.cache/spotreel-tests');

/** A shell script that prints what `blender --version` prints, and passes everything else on to the program. */
export function standInScript(command: readonly string[], version: string): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    '#!/bin/sh',
    `[ "$1" = --version ] && { echo "Blender ${version}"; exit; }`,
    `exec ${command.map(quoted).join(' ')} "$@"`,
    '',
  ].join('\n');
}

/**
 * A program that is the Blender on PATH but knows its version: Blender takes as long to print it as to render a small frame.
 * Made once for each Blender. `undefined` without a Blender.
 */
export function blenderStandIn(): string | undefined {
  const blender = findExecutable('blender', process.env.PATH);
  if (blender === undefined) return undefined;
  const { size, mtimeMs } = statSync(blender);
  const key = createHash('sha256').update(`${blender} ${size} ${mtimeMs}`).digest('hex').slice(0, 16);
  const path = join(CACHE, key, 'blender');
  if (existsSync(path)) return path;
  const { stdout } = spawnSync(blender, ['--version'], { encoding: 'utf8' });
  const version = /^Blender (\d+\.\d+\.\d+)/m.exec(stdout)?.[1];
  if (version === undefined) return undefined;
  mkdirSync(join(CACHE, key), { recursive: true });
  // Replaced at once: other tests run meanwhile.
  const partial = `${path}.${randomUUID()}`;
  writeFileSync(partial, standInScript([blender], version), { mode: 0o755 });
  renameSync(partial, path);
  return path;
}
