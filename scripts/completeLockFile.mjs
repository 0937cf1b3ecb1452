/**
 * node scripts/completeLockFile.mjs [--check]: adds to package-lock.json the optional packages of other platforms that npm
 * left out. npm leaves one out when the registry it asked does not have it, and then every `npm ci`, on every machine,
 * refuses the lock file as out of step. An added entry has a version and its platform and no checksum: no machine that this
 * lock file was made on could install it. Run it after `npm install`. --check only tells, with exit code 1.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const lockFile = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
];

const lock = JSON.parse(readFileSync(lockFile, 'utf8'));
const missing = missingOptionalPackages(lock.packages);
const names = Object.keys(missing).map((place) => place.replace('node_modules/', ''));

if (process.argv.includes('--check')) {
  if (names.length > 0) {
    process.stderr.write(
      `package-lock.json lacks ${names.join(', ')}. Run: node scripts/completeLockFile.mjs\n`,
    );
    process.exitCode = 1;
  }
} else if (names.length > 0) {
  const sorted = Object.entries({ ...lock.packages, ...missing }).sort(([one], [other]) =>
    one.localeCompare(other, 'en'),
  );
  writeFileSync(
    lockFile,
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`,
  );
  process.stdout.write(`Added ${names.join(', ')}.\n`);
}

function missingOptionalPackages(packages) {
  const found = {};
  for (const [place, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(optionalDependencies)) {
      if (!isResolved(packages, place, name)) found[`node_modules/${name}`] = lockEntry(name, range, dev);
    }
  }
  return found;
}

/** Node's own search: in the package's folder, then in each one around it. */
function isResolved(packages, place, name) {
  for (let folder = place; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    if (packages[`${folder}${folder && '/'}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

function lockEntry(name, range, dev) {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : ['glibc'];
  return {
    version: /\d+\.\d+\.\d+[\w.+-]*/.exec(range)?.[0] ?? range,
    ...(cpu.length > 0 && { cpu }),
    ...(dev && { dev }),
    ...(words.includes('linux') && words.some((word) => /^(musl|gnu)/.test(word)) && { libc }),
    optional: true,
    ...(os.length > 0 && { os }),
  };
}
