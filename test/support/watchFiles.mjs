/**
 * Loaded into `weft` with `NODE_OPTIONS=--import`: notes every path that is handed to Node's file functions, a line each, in the file that
 * WEFT_TEST_TOUCHED names, and does so in the engine process, too. So a test can say that something was not touched at all, not even with stat.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import process from 'node:process';
import { URL } from 'node:url';

const { openSync, writeSync } = fs;
const log = openSync(process.env.WEFT_TEST_TOUCHED, 'a');

/** What is open, for `sync`. */
const paths = new Map();

for (const functions of [fs, fs.promises]) {
  for (const [name, original] of Object.entries(functions)) {
    if (typeof original !== 'function' || /^[A-Z_]/.test(name)) continue;
    const watched = function (...args) {
      const [first, second] = args;
      if (typeof first === 'string' || first instanceof URL)
        writeSync(log, `${name} ${first}${/^rename/.test(name) ? ` -> ${second}` : ''}\n`);
      if (name === 'fsyncSync') writeSync(log, `sync ${paths.get(first)}\n`);
      const result = original.apply(this, args);
      if (name === 'openSync') paths.set(result, first);
      if (name !== 'open' || functions !== fs.promises) return result;
      return result.then((handle) => {
        const { sync } = handle;
        handle.sync = () => {
          writeSync(log, `sync ${first}\n`);
          return sync.call(handle);
        };
        return handle;
      });
    };
    functions[name] = Object.assign(watched, original);
  }
}

const { fork } = childProcess;
childProcess.fork = (module, args, options) =>
  fork(module, args, { ...options, execArgv: [...(options.execArgv ?? []), '--import', import.meta.url] });
