/**
 * The third-party notices that every .vsix ships: each package that Weft is built from, with its licence in full. `npm run package` writes
 * them, and fails where a text is missing. `node scripts/notices.mjs` prints them.
 *
 * legal/ holds the texts that packages do not carry themselves: one file a package (`@scope+name.txt`), onnxruntime's own notices, and
 * the licences that libvips names without their texts.
 */
import console from 'node:console';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;
const RULE = '='.repeat(100);

const read = (...parts) => fs.readFileSync(path.join(...parts), 'utf8').trim();

/** The notices as one text. Throws where a package has no licence text, naming the package. */
export function thirdPartyNotices(root) {
  const packages = shippedPackages(root);
  const onnxruntime = packages.find(({ name }) => name === 'onnxruntime-node');
  const sections = packages.map(({ name, version, folder }) => {
    const { license } = JSON.parse(read(folder, 'package.json'));
    return section(`${name} ${version} (${license})`, licenceOf(root, name, folder));
  });
  return [
    'Weft is built from the software below. Its own licence is in LICENSE.',
    ...sections,
    section(
      `onnxruntime ${onnxruntime.version}: notices of its own parts`,
      onnxruntimeNotices(root, onnxruntime.version),
    ),
    section(
      'DirectML.dll, dxcompiler.dll, dxil.dll (packages for Windows)',
      'Microsoft publishes these files as part of onnxruntime-node. DirectML: https://www.nuget.org/packages/Microsoft.AI.DirectML/ (license terms on that page). ' +
        'DirectX Shader Compiler: https://github.com/microsoft/DirectXShaderCompiler/blob/main/LICENSE.TXT',
    ),
    section("CLIP's tokenizer (models/clip)", read(root, 'models', 'clip', 'LICENSE')),
    section('libvips and its dependencies (in the @img/sharp packages)', libvipsNotices(root)),
    section('GNU Lesser General Public License, version 3', read(root, 'legal', 'LGPL-3.0.txt')),
    section('GNU General Public License, version 3', read(root, 'legal', 'GPL-3.0.txt')),
  ].join('\n\n');
}

function section(title, text) {
  return `${RULE}\n${title}\n${RULE}\n\n${text}\n`;
}

/** What the lock file installs for users: no development tools, and no type declarations, which are not in the bundles. */
function shippedPackages(root) {
  const { packages } = JSON.parse(read(root, 'package-lock.json'));
  return Object.entries(packages)
    .filter(([at, { dev }]) => at !== '' && !dev && !at.includes('node_modules/@types/'))
    .map(([at, { version, optional }]) => ({
      name: at.slice(at.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      optional: optional === true,
      folder: path.join(root, at),
    }))
    .filter(({ name, folder, optional }) => {
      if (fs.existsSync(folder)) return true;
      // Another platform's binaries of sharp: the same licences as this one's.
      if (optional) return false;
      throw new Error(`${name} is not installed: run npm ci.`);
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function licenceOf(root, name, folder) {
  const own = fs.readdirSync(folder).filter((file) => LICENCE_FILE.test(file) && !file.endsWith('.js'));
  if (own.length > 0) return own.map((file) => read(folder, file)).join('\n\n');
  if (name.startsWith('@img/sharp-libvips-')) return 'See "libvips and its dependencies" below.';
  const kept = path.join(root, 'legal', `${name.replace('/', '+')}.txt`);
  if (fs.existsSync(kept)) return read(kept);
  throw new Error(`${name} carries no licence text: put it into legal/${path.basename(kept)}.`);
}

function onnxruntimeNotices(root, version) {
  const file = `onnxruntime-${version}-third-party.txt`;
  if (fs.existsSync(path.join(root, 'legal', file))) return read(root, 'legal', file);
  throw new Error(
    `legal/${file} is missing: take ThirdPartyNotices.txt from the PyPI package onnxruntime of the same version, and remove the older file.`,
  );
}

/** sharp's list of what is in libvips, with their licences. */
function libvipsNotices(root) {
  const folder = path.join(root, 'node_modules', '@img');
  const holder = fs.readdirSync(folder).find((name) => /^sharp-(libvips|win32)-/.test(name));
  const readme = holder && read(folder, holder, 'README.md');
  const table = readme?.slice(Math.max(0, readme.indexOf('## Licensing')));
  if (!table?.includes('libvips')) throw new Error('The licences of libvips were not found beside sharp: run npm ci.');
  return table.replace(/^## Licensing\s*/, '');
}

if (process.argv[1] && fileURLToPath(import.meta.url) === path.resolve(process.argv[1]))
  console.log(thirdPartyNotices(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')));
