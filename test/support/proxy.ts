/** A proxy of this machine that tunnels every host to this machine, and notes which were asked for. */
import * as net from 'node:net';

export interface Proxy {
  url: string;
  /** `host:port` of each tunnel. */
  readonly hosts: string[];
  stop(): void;
}

export async function startProxy(): Promise<Proxy> {
  const hosts: string[] = [];
  const server = net.createServer((socket) => {
    socket.once('data', (head) => {
      const [, host, port] = /^CONNECT ([^:]+):(\d+)/.exec(head.toString('latin1')) ?? [];
      hosts.push(`${host}:${port}`);
      const through = net.connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        through.pipe(socket);
        socket.pipe(through);
      });
      through.on('error', () => socket.destroy());
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return { url: `http://127.0.0.1:${port}`, hosts, stop: () => void server.close() };
}
