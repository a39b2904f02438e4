// Completes package-lock.json after a package was added through a registry mirror that carries the builds of one
// platform only: npm then leaves the other platforms' optional packages out of the lock, and `npm ci` refuses it
// everywhere. Run it after `npm install`; it changes nothing if nothing is missing.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const lock = JSON.parse(readFileSync(path, 'utf8'));
const { '': root, ...packages } = lock.packages;

/** `@scope/name-linux-arm64-musl` and the like, as all packages of builds are named. */
const BUILD =
  /(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|x64|ia32|loong64|ppc64|riscv64|s390x)(?:-(gnu|musl))?/;

/** Whether `name`, required from the package at `from`, is in the lock, by Node's own look-up. */
function isLocked(name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    if (packages[`${folder && `${folder}/`}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

for (const [from, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const [, os, cpu, abi] = BUILD.exec(name) ?? [];
    if (isLocked(name, from) || !os) continue;
    packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev && { dev }),
      ...(abi && { libc: [abi === 'musl' ? 'musl' : 'glibc'] }),
      optional: true,
      os: [os],
    };
  }
}

const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
lock.packages = { '': root, ...Object.fromEntries(sorted) };
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
