/**
 * `npm run package [-- --target linux-x64 | all] [--out DIR] [--images-url URL]`: a .vsix for one platform, with that platform's native
 * binaries only. URL is where this folder is published, for the images of its page (scripts/marketplace.mjs).
 * Staged in a temporary folder, so that nothing of the checkout but what is named here gets in. Prints the path of each .vsix.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { marketplacePage } from './marketplace.mjs';
import { thirdPartyNotices } from './notices.mjs';
import { build, fail, install, root } from './prepare.mjs';

/** Per target: where onnxruntime keeps its binaries, and what sharp calls the platform. */
const targets = {
  'linux-x64': { onnxruntime: 'linux/x64', sharp: 'linux-x64' },
  'linux-arm64': { onnxruntime: 'linux/arm64', sharp: 'linux-arm64' },
  'darwin-arm64': { onnxruntime: 'darwin/arm64', sharp: 'darwin-arm64' },
  // onnxruntime has no binary for Intel Macs any more: graphs open and can be edited, a run says that it can't.
  'darwin-x64': { onnxruntime: undefined, sharp: 'darwin-x64' },
  'win32-x64': { onnxruntime: 'win32/x64', sharp: 'win32-x64' },
  'win32-arm64': { onnxruntime: 'win32/arm64', sharp: 'win32-arm64' },
};

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: `${process.platform}-${process.arch}` },
    out: { type: 'string', default: root },
    'images-url': { type: 'string' },
  },
});
const chosen = values.target === 'all' ? Object.keys(targets) : [values.target];
const unknown = chosen.find((target) => !Object.hasOwn(targets, target));
if (unknown !== undefined) fail(`No package for ${unknown}. Targets: ${Object.keys(targets).join(', ')}, all.`);

const modules = path.join(root, 'node_modules');
const manifestOf = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
const out = path.resolve(values.out);
fs.mkdirSync(out, { recursive: true });
install();
build();
for (const target of chosen) console.log(packageFor(target));

function packageFor(target) {
  const stage = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-package-'));
  try {
    const manifest = stageExtension(stage);
    // Beside the bundles: vsce never packs a node_modules at the top, and Node finds this one first.
    const natives = path.join(stage, 'dist', 'node_modules');
    stageOnnxruntime(natives, targets[target].onnxruntime);
    stageSharp(natives, targets[target].sharp);
    const file = path.join(out, `${manifest.name}-${target}-${manifest.version}.vsix`);
    const vsce = path.join(modules, '@vscode', 'vsce', 'vsce');
    const args = [
      'package',
      '--no-dependencies',
      '--allow-missing-repository',
      '--no-rewrite-relative-links',
      '--target',
      target,
      '--out',
      file,
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, [vsce, ...args], { cwd: stage, encoding: 'utf8' });
    if (status !== 0) fail(`vsce could not package ${target}:\n${stdout}${stderr}`);
    return file;
  } finally {
    fs.rmSync(stage, { recursive: true, force: true });
  }
}

/** Everything that is the same on all platforms. */
function stageExtension(stage) {
  const manifest = manifestOf(root);
  for (const key of ['scripts', 'dependencies', 'devDependencies', 'allowScripts', 'private', 'bin'])
    delete manifest[key];
  fs.writeFileSync(path.join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  copy(
    'dist',
    stage,
    (name) => !name.endsWith('.map') && !name.endsWith('weft.js') && path.basename(name) !== 'node_modules',
  );
  copy('models/mini', stage);
  copy('models/clip', stage);
  for (const name of fs.readdirSync(path.join(root, 'models')).filter((each) => each.endsWith('.json')))
    copy(`models/${name}`, stage);
  copy('examples', stage, (name) => path.basename(name) !== 'weft-out');
  copy('media', stage, (name) => path.basename(name) !== 'icon.svg');
  copy('schemas', stage);
  for (const name of ['LICENSE', 'CHANGELOG.md']) copy(name, stage);
  // VS Code and the Marketplace show a file of this name.
  const page = fs.readFileSync(path.join(root, 'docs', 'marketplace.md'), 'utf8');
  fs.writeFileSync(path.join(stage, 'README.md'), marketplacePage(page, values['images-url']));
  try {
    fs.writeFileSync(path.join(stage, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root));
  } catch (error) {
    fail(`The third-party notices are not whole. ${error.message}`);
  }
  return manifest;
}

function copy(name, stage, filter = () => true) {
  const from = path.join(root, name);
  if (!fs.existsSync(from)) fail(`${name} is missing: the package would not work without it.`);
  fs.cpSync(from, path.join(stage, name), { recursive: true, filter });
}

function stageOnnxruntime(natives, platform) {
  const from = path.join(modules, 'onnxruntime-node');
  const to = path.join(natives, 'onnxruntime-node');
  const code = (name) => fs.statSync(name).isDirectory() || name.endsWith('.js');
  fs.cpSync(path.join(from, 'dist'), path.join(to, 'dist'), { recursive: true, filter: code });
  fs.copyFileSync(path.join(from, 'package.json'), path.join(to, 'package.json'));
  const common = path.join(natives, 'onnxruntime-common');
  fs.cpSync(path.join(modules, 'onnxruntime-common', 'dist', 'cjs'), path.join(common, 'dist', 'cjs'), {
    recursive: true,
    filter: code,
  });
  for (const name of ['package.json', 'dist/cjs/package.json']) {
    const file = path.join(modules, 'onnxruntime-common', name);
    if (fs.existsSync(file)) fs.copyFileSync(file, path.join(common, name));
  }
  if (platform === undefined) return;
  const binaries = path.join('bin', 'napi-v6', ...platform.split('/'));
  if (!fs.existsSync(path.join(from, binaries)))
    fail(`onnxruntime-node ${manifestOf(from).version} has no binary for ${platform}.`);
  const names = fs.readdirSync(path.join(from, binaries));
  const binding = fs.readFileSync(path.join(from, binaries, 'onnxruntime_binding.node'), 'latin1');
  fs.mkdirSync(path.join(to, binaries), { recursive: true });
  for (const name of names) {
    // On macOS the library lies there twice, under two names; the binding loads one of them.
    if (name.endsWith('.dylib') && !binding.includes(name)) continue;
    fs.copyFileSync(path.join(from, binaries, name), path.join(to, binaries, name));
  }
}

function stageSharp(natives, platform) {
  const sharp = path.join(modules, 'sharp');
  if (!fs.existsSync(sharp)) return;
  const staged = new Set();
  const stage = (name) => {
    if (staged.has(name)) return;
    staged.add(name);
    const from = path.join(modules, name);
    const sources = name === 'sharp' ? /^(install|src|README\.md|.*\.d\.ts|.*\.map)$/ : /\.(d\.ts|map)$/;
    const keep = (file) => !sources.test(path.relative(from, file));
    fs.cpSync(from, path.join(natives, name), { recursive: true, filter: keep });
    for (const dependency of Object.keys(manifestOf(from).dependencies ?? {})) stage(dependency);
  };
  stage('sharp');
  const optional = manifestOf(sharp).optionalDependencies ?? {};
  for (const name of [`@img/sharp-${platform}`, `@img/sharp-libvips-${platform}`]) {
    const version = optional[name];
    // On Windows libvips is part of sharp's own package.
    if (version === undefined) continue;
    const local = path.join(modules, name);
    const to = path.join(natives, name);
    if (fs.existsSync(local) && manifestOf(local).version === version) fs.cpSync(local, to, { recursive: true });
    else fetchPackage(`${name}@${version}`, to);
  }
}

/** Another platform's package, unpacked: npm would not install it here. */
function fetchPackage(spec, to) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weft-fetch-'));
  try {
    const npm = spawnSync('npm', ['pack', spec, '--pack-destination', folder, '--loglevel=error'], {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    const [archive] = fs.readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    if (npm.status !== 0 || archive === undefined)
      fail(`${spec} could not be fetched from the registry:\n${npm.stderr}`);
    fs.mkdirSync(to, { recursive: true });
    const tar = spawnSync('tar', ['-xzf', path.join(folder, archive), '-C', to, '--strip-components=1'], {
      encoding: 'utf8',
    });
    if (tar.status !== 0) fail(`${spec} could not be unpacked:\n${tar.stderr}`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
