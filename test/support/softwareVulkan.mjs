/**
 * A Vulkan driver in software, so that WebGPU runs on machines without a graphics card: SwiftShader, which comes with Chromium, and
 * Vulkan's loader. `node test/support/softwareVulkan.mjs` prints the driver's file, or says on stderr what is missing and ends with 1.
 */
import { spawnSync } from 'node:child_process';
import console from 'node:console';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { findChromium } from '../studio/install.mjs';
import { aptInstall, MissingError } from './apt.mjs';

const DRIVER = 'vk_swiftshader_icd.json';

function driver(log) {
  const chromium = fs.realpathSync(findChromium(log));
  const folders = [
    path.dirname(chromium),
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/usr/lib64/chromium-browser',
    '/opt/google/chrome',
    '/snap/chromium/current/usr/lib/chromium-browser',
  ];
  const found = folders.map((folder) => path.join(folder, DRIVER)).find((file) => fs.existsSync(file));
  if (found) return found;
  throw new MissingError(
    `WebGPU is tested on SwiftShader, the software driver that comes with Chromium, but ${DRIVER} lies nowhere near ${chromium}: ` +
      'install Debian’s chromium or Google Chrome.',
  );
}

const hasLoader = () =>
  spawnSync('ldconfig', ['-p'], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
  }).stdout?.includes('libvulkan.so.1') ?? false;

try {
  const file = driver(console.error);
  if (!hasLoader()) aptInstall('libvulkan1', console.error);
  if (!hasLoader())
    throw new MissingError(
      'WebGPU is tested on a software Vulkan driver and needs Vulkan’s loader, libvulkan.so.1: install it (Debian: apt-get install libvulkan1).',
    );
  console.log(file);
} catch (error) {
  if (!(error instanceof MissingError)) throw error;
  console.error(error.message);
  process.exit(1);
}
