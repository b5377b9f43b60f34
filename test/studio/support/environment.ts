/** What run.mjs hands to the suite. */
function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set: start the suite with \`npm run test:studio\`.`);
  return value;
}

export const environment = {
  /** Node and the entry of code-server. */
  node: () => need('WEFT_STUDIO_NODE'),
  entry: () => need('WEFT_STUDIO_ENTRY'),
  chromium: () => need('WEFT_STUDIO_CHROMIUM'),
  vsix: () => need('WEFT_STUDIO_VSIX'),
  /** Folder of this run: profiles, workspaces, logs. Removed when every test passed. */
  scratch: () => need('WEFT_STUDIO_SCRATCH'),
  /** Screenshots, kept. */
  artifacts: () => need('WEFT_STUDIO_ARTIFACTS'),
  root: () => need('WEFT_STUDIO_ROOT'),
};
