// Drives an API server with client-go: list, informer, watch, update with conflict, server-side apply, dynamic client.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("client-go is content")
}

func run(ctx context.Context, kubeconfig string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("version: %w", err)
	}
	fmt.Println("server", version.GitVersion)
	maps := client.CoreV1().ConfigMaps("default")

	seen := make(chan string, 100)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace("default"))
	informer := factory.Core().V1().ConfigMaps().Informer()
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { seen <- "add " + o.(*corev1.ConfigMap).Name },
		UpdateFunc: func(_, o any) { seen <- "update " + o.(*corev1.ConfigMap).Data["n"] },
		DeleteFunc: func(o any) { seen <- "delete " + o.(*corev1.ConfigMap).Name },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("the informer's cache did not fill")
	}

	created, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "from-go"}, Data: map[string]string{"n": "0"}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := expect(ctx, seen, "add from-go"); err != nil {
		return err
	}
	stale := created.DeepCopy()
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		current, err := maps.Get(ctx, "from-go", metav1.GetOptions{})
		if err != nil {
			return err
		}
		current.Data["n"] = "1"
		_, err = maps.Update(ctx, current, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	if err := expect(ctx, seen, "update 1"); err != nil {
		return err
	}
	if _, err := maps.Update(ctx, stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("an update of an old version gave %v, not a conflict", err)
	}
	apply := applycorev1.ConfigMap("from-go", "default").WithData(map[string]string{"n": "2"})
	if _, err := maps.Apply(ctx, apply, metav1.ApplyOptions{FieldManager: "go"}); !apierrors.IsConflict(err) {
		return fmt.Errorf("applying another manager's field gave %v, not a conflict", err)
	}
	if _, err := maps.Apply(ctx, apply, metav1.ApplyOptions{FieldManager: "go", Force: true}); err != nil {
		return fmt.Errorf("forced apply: %w", err)
	}
	if err := expect(ctx, seen, "update 2"); err != nil {
		return err
	}
	for i := 0; i < 25; i++ {
		if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "page-"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	total := 0
	for token := ""; ; {
		page, err := maps.List(ctx, metav1.ListOptions{Limit: 10, Continue: token})
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		total += len(page.Items)
		if token = page.Continue; token == "" {
			break
		}
	}
	if total < 26 {
		return fmt.Errorf("pages hold %d objects", total)
	}
	if err := maps.Delete(ctx, "from-go", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := expect(ctx, seen, "delete from-go"); err != nil {
		return err
	}
	if _, err := maps.Get(ctx, "from-go", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return fmt.Errorf("a deleted object gave %v", err)
	}
	return services(ctx, kubeconfig)
}

// A Knative Service through the dynamic client: create, watch its status arrive, delete.
func services(ctx context.Context, kubeconfig string) error {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(rest)
	if err != nil {
		return err
	}
	kind := client.Resource(schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "services"}).Namespace("default")
	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": map[string]any{"name": "from-go"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"image": "hello"}}}}},
	}}
	created, err := kind.Create(ctx, service, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create Service: %w", err)
	}
	watch, err := kind.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=from-go", ResourceVersion: created.GetResourceVersion()})
	if err != nil {
		return fmt.Errorf("watch Service: %w", err)
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("watch gave %v", event)
		}
		if url, _, _ := unstructured.NestedString(object.Object, "status", "url"); url != "" {
			fmt.Println("url", url)
			return kind.Delete(ctx, "from-go", metav1.DeleteOptions{})
		}
	}
	return fmt.Errorf("the Service never had a URL")
}

func expect(ctx context.Context, seen <-chan string, want string) error {
	for {
		select {
		case got := <-seen:
			if got == want {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("the informer never saw %q", want)
		}
	}
}
