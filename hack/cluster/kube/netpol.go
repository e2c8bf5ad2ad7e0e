package main

import (
	"fmt"
	"net/netip"
	"os/exec"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
)

// snapshot is what the rules are computed from.
type snapshot struct {
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
	policies   []*networkingv1.NetworkPolicy
}

// direction is one of the two halves of a policy.
type direction struct {
	name   string // prefix of the chains
	peer   string // where the other end's address is in a packet
	egress bool
}

var (
	ingress = direction{name: "in", peer: "saddr"}
	egress  = direction{name: "out", peer: "daddr", egress: true}
)

// applyRules replaces the whole table in one nft transaction.
func applyRules(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// rules renders the table that enforces the policies for the pods of this node.
//
// Packets meet it in the forward hook, after a service's address was replaced by
// a pod's; packets from a pod to this node itself (the apiserver) meet it in the
// input hook. Packets from this node to a pod are not filtered: probes always
// pass. IPv4 only.
func (s *snapshot) rules() string {
	var chains strings.Builder
	jumps := map[direction][]string{}
	for i, pod := range s.pods {
		for _, d := range []direction{ingress, egress} {
			lines, isolated := s.podRules(pod, d)
			if !isolated {
				continue
			}
			name := fmt.Sprintf("%s-%d", d.name, i)
			fmt.Fprintf(&chains, "  chain %s { # %s/%s\n", name, pod.Namespace, pod.Name)
			for _, line := range lines {
				fmt.Fprintf(&chains, "    %s return\n", line)
			}
			fmt.Fprint(&chains, "    drop\n  }\n")
			jumps[d] = append(jumps[d], fmt.Sprintf("%s : jump %s", pod.Status.PodIP, name))
		}
	}
	dispatch := func(d direction, own string) string {
		if len(jumps[d]) == 0 {
			return ""
		}
		return fmt.Sprintf("    ip %s vmap { %s }\n", own, strings.Join(jumps[d], ", "))
	}
	const table = "inet tenantry-netpol"
	const established = "    ct state established,related accept\n"
	return "table " + table + "\ndelete table " + table + "\ntable " + table + " {\n" + chains.String() +
		"  chain forward {\n    type filter hook forward priority filter; policy accept;\n" + established +
		dispatch(egress, "saddr") + dispatch(ingress, "daddr") + "  }\n" +
		"  chain input {\n    type filter hook input priority filter; policy accept;\n" + established +
		dispatch(egress, "saddr") + "  }\n}\n"
}

// podRules returns the matches that let a packet through, and whether any policy
// isolates the pod in that direction at all.
func (s *snapshot) podRules(pod *corev1.Pod, d direction) (lines []string, isolated bool) {
	for _, policy := range s.policies {
		if policy.Namespace != pod.Namespace || !applies(policy, d) || !matches(&policy.Spec.PodSelector, pod.Labels) {
			continue
		}
		if !isolated {
			isolated = true
			// A pod that reaches itself through its own service is not blocked.
			lines = append(lines, fmt.Sprintf("ip %s %s", d.peer, pod.Status.PodIP))
		}
		if d.egress {
			for _, rule := range policy.Spec.Egress {
				lines = append(lines, s.ruleMatches(pod, d, rule.To, rule.Ports)...)
			}
		} else {
			for _, rule := range policy.Spec.Ingress {
				lines = append(lines, s.ruleMatches(pod, d, rule.From, rule.Ports)...)
			}
		}
	}
	return lines, isolated
}

func applies(policy *networkingv1.NetworkPolicy, d direction) bool {
	for _, t := range policy.Spec.PolicyTypes { // defaulted by the apiserver
		if (t == networkingv1.PolicyTypeEgress) == d.egress {
			return true
		}
	}
	return false
}

// ruleMatches renders one rule: every peer combined with every port.
func (s *snapshot) ruleMatches(pod *corev1.Pod, d direction, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) []string {
	var lines []string
	// named says whose container ports a port's name refers to.
	add := func(address string, named *corev1.Pod) {
		if len(ports) == 0 {
			if address == "" {
				address = "meta protocol ip"
			}
			lines = append(lines, address)
		}
		for _, port := range ports {
			if match, ok := portMatch(port, named); ok {
				lines = append(lines, strings.TrimSpace(address+" "+match))
			}
		}
	}
	own := pod
	if d.egress {
		own = nil
	}
	if len(peers) == 0 {
		add("", own)
	}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if address, ok := blockMatch(peer.IPBlock, d); ok {
				add(address, own)
			}
			continue
		}
		for _, other := range s.selected(pod.Namespace, peer) {
			named := own
			if d.egress {
				named = other
			}
			add(fmt.Sprintf("ip %s %s", d.peer, other.Status.PodIP), named)
		}
	}
	return lines
}

// selected lists the pods that a peer of a policy in namespace ns selects.
func (s *snapshot) selected(ns string, peer networkingv1.NetworkPolicyPeer) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range s.pods {
		if peer.NamespaceSelector == nil {
			if pod.Namespace != ns {
				continue
			}
		} else if !matches(peer.NamespaceSelector, s.namespaces[pod.Namespace]) {
			continue
		}
		if peer.PodSelector == nil || matches(peer.PodSelector, pod.Labels) {
			found = append(found, pod)
		}
	}
	return found
}

func matches(selector *metav1.LabelSelector, set labels.Set) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		klog.ErrorS(err, "selector")
		return false
	}
	return s.Matches(set)
}

func blockMatch(block *networkingv1.IPBlock, d direction) (string, bool) {
	prefix, err := netip.ParsePrefix(block.CIDR)
	if err != nil || !prefix.Addr().Is4() {
		return "", false
	}
	match := fmt.Sprintf("ip %s %s", d.peer, prefix.Masked())
	if len(block.Except) > 0 {
		match += fmt.Sprintf(" ip %s != { %s }", d.peer, strings.Join(block.Except, ", "))
	}
	return match, true
}

// portMatch reports false for a named port that no container of the pod has.
func portMatch(port networkingv1.NetworkPolicyPort, named *corev1.Pod) (string, bool) {
	protocol := corev1.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	lower := strings.ToLower(string(protocol))
	if port.Port == nil {
		return "meta l4proto " + lower, true
	}
	number := strconv.Itoa(int(port.Port.IntVal))
	if port.Port.StrVal != "" {
		found := false
		if named != nil {
			for _, c := range named.Spec.Containers {
				for _, p := range c.Ports {
					if p.Name == port.Port.StrVal && p.Protocol == protocol {
						number, found = strconv.Itoa(int(p.ContainerPort)), true
					}
				}
			}
		}
		if !found {
			return "", false
		}
	}
	if port.EndPort != nil {
		number += "-" + strconv.Itoa(int(*port.EndPort))
	}
	return fmt.Sprintf("%s dport %s", lower, number), true
}

// networked keeps the pods that have an address of their own, in a stable order.
// Where two have the same one, because the first is on its way out, the newer has it.
func networked(pods []*corev1.Pod) []*corev1.Pod {
	byAddress := map[string]*corev1.Pod{}
	for _, pod := range pods {
		ip, err := netip.ParseAddr(pod.Status.PodIP)
		done := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if err != nil || !ip.Is4() || pod.Spec.HostNetwork || done {
			continue
		}
		if other := byAddress[ip.String()]; other == nil || other.CreationTimestamp.Before(&pod.CreationTimestamp) {
			byAddress[ip.String()] = pod
		}
	}
	var kept []*corev1.Pod
	for _, pod := range byAddress {
		kept = append(kept, pod)
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].UID < kept[j].UID })
	return kept
}
