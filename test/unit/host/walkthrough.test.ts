import { beforeEach, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import { type Step, Walkthrough } from '../../../extension/host/walkthrough';

const told = vi.hoisted(() => [] as unknown[][]);
vi.mock('vscode', () => ({ commands: { executeCommand: async (...args: unknown[]) => void told.push(args) } }));

const kept = new Map<string, unknown>();
const state = {
  get: (key: string, other: unknown) => kept.get(key) ?? other,
  update: async (key: string, value: unknown) => void kept.set(key, value),
} as unknown as vscode.Memento;
const ticked = (): unknown[] => told.filter(([, , value]) => value === true).map(([, key]) => key);
beforeEach(() => {
  told.length = 0;
  kept.clear();
});

it('ticks a step at once, for VS Code that knows the walkthrough already', async () => {
  await new Walkthrough(state).achieved('transfer');
  expect(told).toEqual([
    ['setContext', 'weft.did.transfer', true],
    ['setContext', 'weft.did.transfer', false],
  ]);
});

it('ticks what succeeded before the walkthrough was first opened, also in another window', async () => {
  for (const step of ['run', 'graph', 'run'] as Step[]) await new Walkthrough(state).achieved(step);
  told.length = 0;
  await new Walkthrough(state).open('weft.weft');
  expect(told[0]).toEqual(['workbench.action.openWalkthrough', 'weft.weft#first']);
  expect(ticked()).toEqual(['weft.did.run', 'weft.did.graph']);
});
