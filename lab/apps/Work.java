/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work.java - a server that allocates for each question, and keeps some of it
 *
 * In:    a line on a unix socket, in each of which is the number of an object.
 * Out:   a line for each.
 *
 * A question makes 256 KiB of garbage and replaces an object of 64 KiB: 200 MiB are alive.
 */
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

public final class Work {
	private static final int OBJECTS = 3200;
	private static final int KEPT = 64 << 10;
	private static final int GARBAGE = 16 << 10;

	public static void main(String[] args) throws IOException {
		byte[][] kept = new byte[OBJECTS][];
		for (int i = 0; i < OBJECTS; i++)
			kept[i] = filled(KEPT, i);
		ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
		server.bind(UnixDomainSocketAddress.of(args[0]));
		while (true) {
			try (SocketChannel client = server.accept()) {
				serve(client, kept);
			} catch (IOException hungUp) {
				continue;
			}
		}
	}

	private static void serve(SocketChannel client, byte[][] kept) throws IOException {
		BufferedReader lines = new BufferedReader(Channels.newReader(client, "US-ASCII"));
		for (String line; (line = lines.readLine()) != null;) {
			int number = Integer.parseInt(line) % OBJECTS;
			int sum = 0;
			for (int i = 0; i < 16; i++)
				sum += filled(GARBAGE, number + i)[number % GARBAGE];
			kept[number] = filled(KEPT, sum);
			client.write(ByteBuffer.wrap((sum + "\n").getBytes()));
		}
	}

	private static byte[] filled(int size, int value) {
		byte[] bytes = new byte[size];
		Arrays.fill(bytes, (byte) value);
		return bytes;
	}
}
