/** Execution providers that onnxruntime's package for a platform contains or can load, the one to prefer first. */
export interface Candidate {
  /** onnxruntime's name. */
  provider: string;
  /** What people call it. */
  title: string;
}

const cpu: Candidate = { provider: 'cpu', title: 'Processor' };
const webgpu: Candidate = { provider: 'webgpu', title: 'Graphics card, through WebGPU' };

/**
 * In the order in which they are tried. On macOS WebGPU stands before CoreML, which leaves operators of unknown shape (rows and
 * pictures of any size) to the processor.
 */
export function candidates(platform: string = process.platform, arch: string = process.arch): Candidate[] {
  switch (platform) {
    case 'linux':
      return arch === 'x64' ? [{ provider: 'cuda', title: 'NVIDIA card, through CUDA' }, webgpu, cpu] : [webgpu, cpu];
    case 'win32':
      return [{ provider: 'dml', title: 'Graphics card, through DirectML' }, webgpu, cpu];
    case 'darwin':
      return arch === 'arm64' ? [webgpu, { provider: 'coreml', title: 'Apple hardware, through CoreML' }, cpu] : [cpu];
    default:
      return [cpu];
  }
}
