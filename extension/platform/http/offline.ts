/** Who told Weft to stay offline, by name: the setting of VS Code, or a variable of the environment; undefined where nobody did. */
export function offlineBecause(setting: boolean | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const stated = ['WEFT_OFFLINE', 'HF_HUB_OFFLINE'].find((name) => /^(1|true|yes|on)$/i.test(env[name] ?? ''));
  return stated ?? (setting ? 'the setting weft.offline' : undefined);
}
