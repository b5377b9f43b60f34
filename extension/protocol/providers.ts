const NAMES: Record<string, string> = {
  cpu: 'CPU',
  cuda: 'CUDA',
  webgpu: 'WebGPU',
  dml: 'DirectML',
  coreml: 'CoreML',
};

/** What people call an execution provider, from onnxruntime's name for it. */
export const providerName = (provider: string): string => NAMES[provider] ?? provider;
