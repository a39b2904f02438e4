import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The version that its archive's name has. */
export const MIRRORED_VERSION = '9.9.9';

/** A web server that is laid out like https://download.blender.org/release/, with one archive. */
export interface BlenderMirror {
  readonly url: string;
  /** Of the archive. */
  readonly sha256: string;
  stop(): Promise<void>;
}

export interface MirrorOptions {
  /** The version that the Blender in the archive prints. @default - the archive's */
  readonly says?: string;
  /** The list of hashes, from the archive's own. @default - a line for the archive and one for another file */
  readonly list?: (sha256: string) => string;
}

const ARCHIVE = `blender-${MIRRORED_VERSION}-linux-x64.tar.xz`;

const WHOLE_LIST = (sha256: string): string =>
  `${'0'.repeat(64)}  blender-${MIRRORED_VERSION}-windows-x64.zip\n${sha256}  ${ARCHIVE}\n`;

/** Starts a mirror whose Blender is a script that prints its version: the test is about unpacking an archive. */
export async function startBlenderMirror({
  says = MIRRORED_VERSION,
  list = WHOLE_LIST,
}: MirrorOptions = {}): Promise<BlenderMirror> {
  const archive = await makeArchive(says);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const files: Readonly<Record<string, Buffer | string>> = {
    [`/Blender9.9/${ARCHIVE}`]: archive,
    [`/Blender9.9/blender-${MIRRORED_VERSION}.sha256`]: list(sha256),
  };
  const server = createServer(({ url = '' }, answer) => {
    const file = files[url];
    answer.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    sha256,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function makeArchive(says: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel-mirror-'));
  try {
    const name = `blender-${MIRRORED_VERSION}-linux-x64`;
    mkdirSync(join(folder, name));
    const program = join(folder, name, 'blender');
    writeFileSync(program, `#!/bin/sh\necho "Blender ${says}"\n`);
    chmodSync(program, 0o755);
    const file = join(folder, ARCHIVE);
    await promisify(execFile)('tar', ['--create', '--xz', '--file', file, '--directory', folder, name]);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
