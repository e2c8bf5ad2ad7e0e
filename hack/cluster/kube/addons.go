package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const provisioner = "tenantry.dev/directory"

// runAddons is what a single-node test cluster needs beside Kubernetes itself:
// it enforces NetworkPolicy with nftables, and provisions persistent volumes as
// directories of the node.
func runAddons(args []string) error {
	flags := flag.NewFlagSet("addons", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "administrator's kubeconfig")
	node := flags.String("node", "", "name of the node")
	volumes := flags.String("volumes", "", "directory that holds the volumes")
	_ = flags.Parse(args)

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 100
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods()
	namespaces := factory.Core().V1().Namespaces()
	policies := factory.Networking().V1().NetworkPolicies()
	claims := factory.Core().V1().PersistentVolumeClaims()
	pvs := factory.Core().V1().PersistentVolumes()
	classes := factory.Storage().V1().StorageClasses()

	// Any change wakes its loop; changes that come while it works count as one.
	network, storage := make(chan struct{}, 1), make(chan struct{}, 1)
	watch := func(informer cache.SharedIndexInformer, wake chan struct{}) {
		notify := func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
		_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { notify() },
			UpdateFunc: func(any, any) { notify() },
			DeleteFunc: func(any) { notify() },
		})
	}
	watch(pods.Informer(), network)
	watch(namespaces.Informer(), network)
	watch(policies.Informer(), network)
	watch(claims.Informer(), storage)
	watch(pvs.Informer(), storage)
	watch(classes.Informer(), storage)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	go loop(storage, func() error {
		all, _ := claims.Lister().List(labels.Everything())
		for _, claim := range all {
			if claim.Status.Phase != corev1.ClaimPending || claim.Spec.VolumeName != "" || claim.Spec.StorageClassName == nil {
				continue
			}
			class, err := classes.Lister().Get(*claim.Spec.StorageClassName)
			if err != nil || class.Provisioner != provisioner {
				continue
			}
			waits := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
			if waits && claim.Annotations["volume.kubernetes.io/selected-node"] == "" {
				continue
			}
			if err := provision(ctx, client, class, claim, *node, *volumes); err != nil {
				return err
			}
		}
		released, _ := pvs.Lister().List(labels.Everything())
		for _, pv := range released {
			if pv.Annotations["pv.kubernetes.io/provisioned-by"] == provisioner &&
				pv.Status.Phase == corev1.VolumeReleased && pv.DeletionTimestamp == nil &&
				pv.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
				if err := os.RemoveAll(filepath.Join(*volumes, pv.Name)); err != nil {
					return err
				}
				if err := client.CoreV1().PersistentVolumes().Delete(ctx, pv.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
					return err
				}
			}
		}
		return nil
	})

	var applied string
	loop(network, func() error {
		s := snapshot{namespaces: map[string]labels.Set{}}
		all, _ := pods.Lister().List(labels.Everything())
		s.pods = networked(all)
		spaces, _ := namespaces.Lister().List(labels.Everything())
		for _, ns := range spaces {
			s.namespaces[ns.Name] = ns.Labels
		}
		s.policies, _ = policies.Lister().List(labels.Everything())
		sort.Slice(s.policies, func(i, j int) bool { return s.policies[i].UID < s.policies[j].UID })
		rules := s.rules()
		if rules == applied {
			return nil
		}
		if err := applyRules(rules); err != nil {
			klog.Info(rules)
			return err
		}
		applied = rules
		return nil
	})
	return nil
}

// loop runs work after every wake-up, and again a second after it failed.
func loop(wake chan struct{}, work func() error) {
	for range wake {
		wait.PollUntilContextCancel(context.Background(), time.Second, true, func(context.Context) (bool, error) {
			err := work()
			if err != nil {
				klog.ErrorS(err, "will retry")
			}
			return err == nil, nil
		})
	}
}

// provision makes a directory and a volume that is bound to the claim.
func provision(ctx context.Context, client kubernetes.Interface, class *storagev1.StorageClass, claim *corev1.PersistentVolumeClaim, node, volumes string) error {
	name := "pvc-" + string(claim.UID)
	path := filepath.Join(volumes, name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o777); err != nil { // whatever the umask
		return err
	}
	reclaim := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		reclaim = *class.ReclaimPolicy
	}
	_, err := client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: reclaim,
			StorageClassName:              class.Name,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
				}}}},
			}},
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
