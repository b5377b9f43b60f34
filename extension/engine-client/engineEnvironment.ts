/**
 * Environment of the engine process. VS Code's own variables would make the fork believe it is part of the workbench, and
 * NODE_OPTIONS may load a debugger into it.
 */
export function engineEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || name.startsWith('VSCODE_') || name === 'NODE_OPTIONS') continue;
    result[name] = value;
  }
  result.ELECTRON_RUN_AS_NODE = '1';
  // Whatever loads onnxruntime in there, now or later.
  result.ORT_DISABLE_TELEMETRY = '1';
  // Large tensors come and go each step: give their pages back to the allocator, not to the kernel.
  result.MALLOC_MMAP_MAX_ ??= '0';
  result.MALLOC_TRIM_THRESHOLD_ ??= '40000000000';
  return result;
}
