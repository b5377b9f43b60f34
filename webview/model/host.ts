import { type HostToStudio, type StudioToHost } from '../../extension/protocol/studio';

interface VsCodeApi {
  postMessage(message: StudioToHost): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

let api: VsCodeApi | undefined;

function vscode(): VsCodeApi {
  // VS Code hands the API out once per page.
  api ??= acquireVsCodeApi();
  return api;
}

export function postToHost(message: StudioToHost): void {
  vscode().postMessage(message);
}

/** Calls back with every message of the host, until the returned function is called. */
export function onHostMessage(listener: (message: HostToStudio) => void): () => void {
  const onMessage = (event: MessageEvent<HostToStudio>) => {
    if (typeof event.data === 'object' && event.data !== null && 'type' in event.data) listener(event.data);
  };
  window.addEventListener('message', onMessage);
  return () => window.removeEventListener('message', onMessage);
}

export function loadPageState(): unknown {
  return vscode().getState();
}

export function savePageState(state: unknown): void {
  vscode().setState(state);
}
