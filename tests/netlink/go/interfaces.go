// What net.Interfaces and their Addrs say.
package main

import (
	"fmt"
	"net"
)

func main() {
	interfaces, err := net.Interfaces()
	fmt.Println(len(interfaces), err)
	for _, each := range interfaces {
		addresses, err := each.Addrs()
		fmt.Println(each.Index, each.Name, each.MTU, each.HardwareAddr, each.Flags, addresses, err)
		groups, err := each.MulticastAddrs()
		fmt.Println(len(groups) > 0, err)
	}
	probe, err := net.Dial("udp", "8.8.8.8:53")
	if err == nil {
		fmt.Println(probe.LocalAddr().(*net.UDPAddr).IP)
	}
}
