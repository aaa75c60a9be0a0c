"""rtsp_server.py HOST PORT CLIP RECORDING: GStreamer's RTSP server plays one file and records another.

    rtsp://HOST:PORT/play    DESCRIBE and PLAY
    rtsp://HOST:PORT/push    ANNOUNCE and RECORD

Both over TCP and over UDP with ports that the server picks. Prints whom it sees: "tcp ADDRESS PORT" for each
connection, "udp ADDRESS PORT" for each source of RTP or RTCP. A recording is complete at "recorded".
"""

import os
import sys

import gi

for name in ("Gst", "GstNet", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstNet, GstRtspServer  # noqa: E402  versions come first

HOST, PORT, CLIP, RECORDING = sys.argv[1:]
PLAY = f"( filesrc location={CLIP} ! qtdemux ! rtph264pay name=pay0 pt=96 )"
RAW = "video/x-h264,stream-format=byte-stream"
PUSH = f"( rtph264depay name=depay0 ! {RAW} ! filesink location={RECORDING} )"
sources = set()


def say(*words):
    os.write(1, f"{' '.join(map(str, words))}\n".encode())  # at once: threads say something too


def see(pad, info):
    """A datagram: tell of its source."""
    meta = GstNet.buffer_get_net_address_meta(info.get_buffer())
    source = meta.addr.get_address().to_string(), meta.addr.get_port()
    if source not in sources:
        sources.add(source)
        say("udp", *source)
    return Gst.PadProbeReturn.OK


def added(pipeline, within, element):
    if element.get_factory().get_name() == "udpsrc":
        element.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, see)


def configured(factory, media):
    media.get_element().get_parent().connect("deep-element-added", added)
    media.connect("unprepared", lambda media: say("recorded" if factory is push else "played"))


def connected(server, client):
    peer = client.get_connection().get_read_socket().get_remote_address()
    say("tcp", peer.get_address().to_string(), peer.get_port())


def factory_for(path, launch, mode):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_transport_mode(mode)
    factory.connect("media-configure", configured)
    server.get_mount_points().add_factory(path, factory)
    return factory


Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address(HOST)
server.set_service(PORT)
factory_for("/play", PLAY, GstRtspServer.RTSPTransportMode.PLAY)
push = factory_for("/push", PUSH, GstRtspServer.RTSPTransportMode.RECORD)
server.connect("client-connected", connected)
if not server.attach(None):
    sys.exit("not attached")
say("ready")
GLib.MainLoop().run()
