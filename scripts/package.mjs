// Completes dist/ for the package: bundles, types of the library and of the construct, and the licences of bundled
// packages. `npm pack` runs it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

run([join(root, 'scripts/build.mjs')]);
writeTypes(['bin/library.d.ts', 'bin/cdk.d.ts']);
writeFileSync(join(dist, 'licenses.txt'), licenses());

/** Writes the declarations that the entries need. The compiler declares every file of the program. */
function writeTypes(entries) {
  const all = mkdtempSync(join(tmpdir(), 'spotreel-types-'));
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  try {
    run([tsc, '--project', join(root, 'tsconfig.types.json'), '--outDir', all]);
    rmSync(join(dist, 'types'), { recursive: true, force: true });
    const needed = new Set(entries);
    // A set visits what is added while it is iterated.
    for (const path of needed) {
      // `stripInternal` keeps re-exports.
      const internal = /\/\*\* @internal[^]*?\*\/\nexport [^;]+;\n/g;
      const text = readFileSync(join(all, path), 'utf8').replaceAll(internal, '');
      const target = join(dist, 'types', path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
      for (const [, specifier] of text.matchAll(/(?:\bfrom |\bimport\()['"](\.[^'"]+)['"]/g))
        needed.add(`${posix.join(posix.dirname(path), specifier)}.d.ts`);
    }
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

/** The licences of all packages with code in the bundles. Packages with the same text share it. */
function licenses() {
  const inputs = JSON.parse(readFileSync(join(dist, 'inputs.json'), 'utf8'));
  const folders = new Set(inputs.filter((path) => path.includes('node_modules/')).map(packageFolder));
  const packages = new Map();
  for (const folder of [...folders].toSorted((a, b) => (a < b ? -1 : 1))) {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((one) => /^(licen[cs]e|copying)(\.|$)/i.test(one));
    const text = file === undefined ? license : readFileSync(join(root, folder, file), 'utf8').trim();
    packages.set(text, [...(packages.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const parts = Array.from(packages, ([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  return parts.join(`\n${'-'.repeat(80)}\n\n`);
}

/** The folder of the innermost package on a path. */
function packageFolder(path) {
  const at = path.lastIndexOf('node_modules/') + 'node_modules/'.length;
  const parts = path.slice(at).split('/');
  return path.slice(0, at) + parts.slice(0, parts[0].startsWith('@') ? 2 : 1).join('/');
}

function run(args) {
  // Standard output belongs to `npm pack --json`.
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
