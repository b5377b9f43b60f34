/** As much of the module `vscode` as an EngineHandle needs: `vi.mock('vscode', () => import('../../support/vscodeEvents'))`. */
import * as events from 'node:events';

export class EventEmitter<T> {
  private readonly inner = new events.EventEmitter();
  readonly event = (listener: (value: T) => void): void => void this.inner.on('event', listener);
  fire = (value: T): void => void this.inner.emit('event', value);
  dispose = (): void => void this.inner.removeAllListeners();
}
