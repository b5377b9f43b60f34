/* eslint-disable @typescript-eslint/no-require-imports, no-undef -- CommonJS on purpose: what tsx registers must come first */
require('tsx/cjs/api').register();
require('./dyingEngine.ts');
