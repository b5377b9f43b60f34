import { type StudioCommand } from '../../protocol/studio';
import { type Command } from './command';

const canvas: readonly StudioCommand[] = [
  'fit',
  'zoomToSelection',
  'autoLayout',
  'addNode',
  'selectAll',
  'duplicate',
  'delete',
  'mute',
  'rename',
  'frame',
  'alignLeft',
  'alignCentre',
  'alignRight',
  'alignTop',
  'alignMiddle',
  'alignBottom',
  'distributeAcross',
  'distributeDown',
  'focusInspector',
  'focusTimeline',
  'inspect',
];

/** Commands that the webview carries out: in the palette, so that each can be found and bound to a key. */
export const canvasCommands: readonly Command[] = canvas.map((command) => ({
  id: `weft.canvas.${command}`,
  run: ({ sessions }) => sessions.command(command),
}));
